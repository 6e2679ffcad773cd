"""What people see says all it should, in both languages, and runs nothing a file smuggled in."""

import io
import re
from datetime import date, timedelta
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from paydelay.calibration import MonotoneCalibration
from paydelay.config import Config
from paydelay.curve import PooledCurve
from paydelay.errors import TargetError
from paydelay.figures import aged_balance
from paydelay.language import format_amount, format_date, format_number, phrase
from paydelay.language.catalogue import texts
from paydelay.ledger import RULES
from paydelay.model import DelayModel
from paydelay.report import (
    gate_sentences,
    print_queue,
    refused_rows,
    refused_sentence,
    report_page,
    write_report,
)
from paydelay.report.columns import text_width
from paydelay.report.content import claims_by_customer, clean, probability, told_reasons
from paydelay.worklist import SET_ASIDE_REASONS, rank, scope

AS_OF = date(2025, 5, 31)
SCRIPT = "<script>alert('&amp;')</script>"
REASONS = pl.List(
    pl.Struct({"cause": pl.String, "direction": pl.Int8, "contribution": pl.Float64, "text": pl.String})
)
TEXTS = {
    "en": {
        "late": "Pays 62% of its invoices late over the last 12 months (14 invoices); "
        "the book's usual is 33%",
        "well": "Pays on average 4 days early on its last 20 invoices",
        "rule": "38 days overdue",
    },
    "fr": {
        "late": "Paie en retard 62\u202f% de ses factures sur les 12 derniers mois (14 factures)\u202f; "
        "l'habitude du portefeuille est de 33\u202f%",
        "well": "Paie en moyenne avec 4 jours d'avance sur ses 20 dernières factures",
        "rule": "38 jours de retard",
    },
}


def told(cause, direction, text):
    return {"cause": cause, "direction": direction, "contribution": 0.3 * direction, "text": text}


def invoice(number, language="en", **changes):
    """A row of the score table; what is left out is plain."""
    texts = TEXTS[language]
    line = {
        "invoice_id": f"F{number:03d}",
        "customer_id": f"C{number % 4}",
        "as_of": AS_OF,
        "days_past_due": 0,
        "currency": "EUR",
        "open_amount_reporting": 1000.0 + number,
        "prob_late": 0.62,
        "prob_unpaid": 0.043,
        "delay_median_days": 12,
        "delay_low_days": 2,
        "delay_high_days": 40,
        "covered_amount": 0.0,
        "expected_loss": 10.0 + number,
        "cost_of_delay": 2.5,
        "set_aside": None,
        "reasons_late": [told("customer_late_share", 1, texts["late"])],
        "reasons_unpaid": [told("customer_mean_delay", -1, texts["well"])],
        **changes,
    }
    line.setdefault("ead", line["open_amount_reporting"])
    line["due_date"] = AS_OF - timedelta(days=line["days_past_due"])
    median = line["delay_median_days"]
    line["expected_payment_date"] = None if median is None else line["due_date"] + timedelta(days=median)
    line["value_at_stake"] = line["expected_loss"] + line["cost_of_delay"]
    return line


def scored(lines, cash=(), claims=(), pooled=True):
    """Scores as the scoring path gives them."""
    kinds = {"set_aside": pl.String, "expected_payment_date": pl.Date, "days_past_due": pl.Int32}
    kinds |= {"reasons_late": REASONS, "reasons_unpaid": REASONS, "delay_median_days": pl.Int32}
    frame = pl.DataFrame(lines or [invoice(0)], schema_overrides=kinds, infer_schema_length=None)
    frame = frame.with_columns(scope(7)).head(len(lines))
    held = {"customer_id": pl.String, "cash_on_account": pl.Float64}
    due = {"customer_id": pl.String, "invoice_id": pl.String, "open_amount_reporting": pl.Float64}
    due |= {"insolvent_on": pl.Date, "claim_deadline": pl.Date, "days_left": pl.Int32}
    return SimpleNamespace(
        frame=frame,
        cash=pl.DataFrame(list(cash), schema=held, orient="row"),
        claims=pl.DataFrame(list(claims), schema=due, orient="row"),
        reporting_currency="EUR",
        prob_unpaid_is_pooled=pooled,
    )


def claim(customer, number, days_left):
    published = AS_OF - timedelta(days=60 - days_left)
    return (customer, f"F{number}", 500.0, published, AS_OF + timedelta(days=days_left), days_left)


def book(language="en"):
    """A book with something for every part of the report."""
    lines = [invoice(n, language, days_past_due=d) for n, d in enumerate([-20, 0, 8, 30, 31, 75, 400])]
    lines[1]["prob_late"] = 1.0
    lines[6] |= {"delay_median_days": None, "expected_payment_date": None}
    lines[2]["reasons_late"] = [told("rule_overdue", 1, TEXTS[language]["rule"])]
    lines += [
        invoice(20 + n, language, customer_id=f"S{n}", set_aside=reason, days_past_due=10)
        for n, reason in enumerate(SET_ASIDE_REASONS)
    ]
    lines.append(invoice(40, language, customer_id="C1", set_aside="dispute"))
    claims = [claim("S3", 23, 12), claim("S9", 90, -400), claim("S9", 91, -400)]
    return scored(lines, cash=[("C2", 410.5), ("C9", 9.5)], claims=claims)


def gate(value, passed=True):
    gain = {"value": value, "low": value - 0.01, "high": value + 0.01}
    figures = {"row_count": 6602.0, "positive_count": 134.0, "auc": 0.867, "auc_late_ratio": 0.832}
    figures |= {"calibration_slope": 1.08, "brier": 0.133}
    return {"gain": gain, "figures": figures, "passed": passed}


def trained(late=None, unpaid=None, supported_days=75):
    manifest = {
        "trained_as_of": "2025-05-30",
        "outcomes": Config().outcomes.model_dump(),
        "config": Config().model_dump(),
        "gate": {"late": late or gate(0.035), "unpaid": unpaid or gate(-0.05, passed=False)},
        "period": {"invoice_count": 5835, "late_share": 0.379},
    }
    pooled = PooledCurve(np.array([0.0]), np.array([1.0]), 0.01, supported_days)
    return DelayModel("", (), (0, 90), MonotoneCalibration.identity(), pooled, manifest)


def read_with(notes=(), refused=0, until=AS_OF):
    """A ledger as its reader hands it over: what was assumed, refused and recorded last."""
    rows = pl.DataFrame({"known_on": [until - timedelta(days=9), until]})
    refusals = pl.DataFrame(
        {"table": ["payments"] * refused, "row": range(refused), "column": "amount", "rule": "amount_zero"},
        schema_overrides={"table": pl.String},
    )
    return SimpleNamespace(invoices=rows, payments=rows, events=rows.clear(), notes=notes, refusals=refusals)


class Page(HTMLParser):
    """Elements, visible texts and attributes; fails where tags are not closed in order."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.stack, self.elements, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, name, attributes):
        self.elements.append((name, dict(attributes)))
        if name not in self.VOID:
            self.stack.append(name)

    def handle_endtag(self, name):
        assert self.stack.pop() == name

    def handle_data(self, text):
        if text.strip() and "style" not in self.stack:
            self.texts.append((self.stack[-1], text.strip()))

    def visible(self):
        return [text for _, text in self.texts]

    def all(self, name):
        return [attributes for element, attributes in self.elements if element == name]


def page(scores=None, model=None, language="en", **options):
    scores = scores or book(language)
    return Page(report_page(scores, None, model or trained(), language=language, **options))


def printed(scores, width=100, language="en", **options):
    stream = io.StringIO()
    limit, model = options.pop("limit", 20), options.pop("model", None)
    console = Console(
        file=stream, width=width, **({"force_terminal": True} if options.pop("tty", False) else {})
    )
    queue = rank(scores, **options)
    print_queue(queue, scores, language=language, console=console, limit=limit, model=model)
    return stream.getvalue()


# ---- what is told


def test_ageing_has_five_ages_and_a_row_due_today_is_not_late():
    rows = {row["age"]: row for row in aged_balance(book().frame).to_dicts()}
    assert list(rows) == ["not_due", "days_1_30", "days_31_60", "days_61_90", "over_90"]
    assert [row["invoice_count"] for row in rows.values()] == [3, 10, 1, 1, 1]
    assert rows["not_due"]["open_amount"] == 1000.0 + 1001.0 + 1040.0
    assert sum(row["share"] for row in rows.values()) == pytest.approx(1.0)
    assert aged_balance(book().frame.clear())["share"].to_list() == [0.0] * 5


def test_reasons_lead_with_what_the_row_does_not_show_already():
    rule = told("rule_overdue", 1, "8 days overdue")
    pooled = told("pooled_unpaid", 1, "Too few unpaid invoices")
    late, trend = told("customer_late_share", 1, "late"), told("customer_delay_trend", -1, "better")
    overdue = {"days_past_due": 8, "reasons_late": [rule, late], "reasons_unpaid": [pooled, trend, late]}
    assert [(reason.text, reason.raises) for reason in told_reasons(overdue)] == [
        ("better", False),
        ("late", True),
    ]
    ahead = {"days_past_due": -8, "reasons_late": [late], "reasons_unpaid": [pooled, trend, late]}
    assert [reason.text for reason in told_reasons(ahead)] == ["late", "better"]
    assert len(told_reasons(ahead, limit=1)) == 1
    assert told_reasons({"days_past_due": 8, "reasons_late": [rule], "reasons_unpaid": None}) == []
    customer = {"oldest_days_past_due": 8, "reasons_late": [late], "reasons_unpaid": [trend]}
    assert [reason.text for reason in told_reasons(customer)] == ["better", "late"]
    assert [reason.text for reason in told_reasons(customer | {"oldest_days_past_due": 0})] == [
        "late",
        "better",
    ]


def test_a_claim_counts_once_per_insolvency_and_passed_ones_come_last():
    claims = [claim("A", 1, -400), claim("B", 2, 40), claim("B", 3, 40), claim("C", 4, 0), claim("D", 5, -2)]
    rows = claims_by_customer(scored([], claims=claims).claims)
    assert rows["customer_id"].to_list() == ["C", "B", "D", "A"]
    assert rows["invoice_count"].to_list() == [1, 2, 1, 1]
    assert rows["open_amount"].to_list() == [500.0, 1000.0, 500.0, 500.0]


def test_what_steers_a_terminal_is_taken_out_of_names():
    assert clean("Société\u202fÉtoile – 株式会社 :warning:") == "Société\u202fÉtoile – 株式会社 :warning:"
    assert clean("a\x1b[31mb\u202ec\x9bd\x00") == "a\ufffd[31mb\ufffdc\ufffdd\ufffd"
    assert clean("one\r\ntwo\u2028three") == "one  two three"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_probability_is_certain_only_where_it_is_so(language):
    certain = [probability(value, language).replace("\u202f", "") for value in (0.0, 1.0)]
    assert certain == ["0%", "100%"]
    for value in (1e-9, 0.9999999):
        assert probability(value, language)[0] in "<>"


# ---- the gate in sentences


def test_the_gate_is_told_with_its_interval():
    said = gate_sentences(trained(), "en")
    assert said[0] == (
        "Late payment: the model beats the customer's own late ratio by 0.035 in AUC "
        "(95% interval 0.025 to 0.045, checked on 6,602 past predictions)."
    )
    assert "is not shown to beat" in said[1]
    assert said[2].startswith(
        "The probability unpaid is the invoice's own up to 75 days past due; after that"
    )
    assert len(said) == 3


def test_a_model_that_failed_could_not_be_judged_or_is_not_pooled():
    assert phrase("gate.forced", "en") in gate_sentences(trained(late=gate(-0.01, passed=False)))
    unjudged = gate_sentences(trained(unpaid=gate(float("nan"), passed=False)))
    assert phrase("gate.unpaid_unjudged", "en") in unjudged
    assert phrase("gate.unpaid_unjudged", "en") in gate_sentences(
        trained(unpaid=gate(0.1) | {"gain": {"value": None, "low": None, "high": None}})
    )
    assert not any("own rate" in sentence for sentence in gate_sentences(trained(supported_days=180)))
    assert phrase("gate.pooled_throughout", "en") in gate_sentences(trained(supported_days=0))


# ---- the terminal


def test_the_queue_shows_rank_amounts_dates_and_reasons():
    text = printed(book(), width=120)
    first = next(line for line in text.splitlines() if "F006" in line)
    assert re.split(r"\s{2,}", first.strip()) == [
        "1", "F006", "C2", "2024-04-26", "400", "1,006.00", "62%", "4.3%", "16.00", "not expected"
    ]  # fmt: skip
    assert f"    - {TEXTS['en']['well']}\n    + {TEXTS['en']['late']}" in text
    assert phrase("queue.signs", "en") in text
    assert "7 invoices to chase" in text
    assert "amounts in EUR, ranked by expected loss" in text


def test_totals_what_is_set_aside_claims_and_cash_are_told():
    scores = book()
    totals = rank(scores).totals
    text = printed(scores)
    for name in ("open_amount", "overdue_amount", "expected_loss"):
        assert format_number(totals[name], "en", 2) in text
    assert "9 invoices set aside" in text
    for reason in SET_ASIDE_REASONS:
        assert phrase(f"set_aside.{reason}", "en") in text
    assert re.search(r"Open dispute +2 +2,060.00 +80.00", text)
    aside = totals["expected_loss"] - totals["actionable"]["expected_loss"]
    loss, apart = (format_number(value, "en", 2) for value in (totals["expected_loss"], aside))
    assert re.search(rf"Expected loss +{loss} +{apart}", text)
    assert phrase("queue.claims_meaning", "en") in " ".join(text.split("\n"))
    assert re.search(r"S3 +500.00 +declare by 2025-06-12, 12 days left", text)
    assert "1 claim whose deadline has passed: 1,000.00" in text
    assert "Cash on account of 2 customers: 420.00" in text


def test_by_customer_probabilities_are_weighted_by_amount():
    lines = [
        invoice(1, customer_id="A", open_amount_reporting=300.0, prob_late=0.9, prob_unpaid=0.2),
        invoice(2, customer_id="A", open_amount_reporting=100.0, prob_late=0.5, prob_unpaid=0.4),
        invoice(3, customer_id="A", open_amount_reporting=900.0, prob_late=0.1, set_aside="dispute"),
    ]
    text = printed(scored(lines, cash=[("A", 12.0)]), by="customer")
    row = next(line for line in text.splitlines() if line.lstrip().startswith("1  A"))
    assert re.split(r"\s{2,}", row.strip()) == [
        "1",
        "A",
        "2",
        "0",
        "400.00",
        "0.00",
        "80%",
        "25%",
        "23.00",
        "5.00",
    ]
    assert "1 customer to contact" in text
    assert "Cash on account: 12.00, allocate it before chasing" in text
    assert "Set aside, on top of this: 900.00" in text


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("by", ["invoice", "customer"])
@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_no_line_is_wider_than_the_terminal_and_no_word_is_cut(language, by, width):
    long_name = "Société Anonyme des Très Longues Dénominations-" + "x" * 90
    scores = book(language)
    scores.frame = scores.frame.with_columns(pl.col("customer_id").replace("C2", long_name))
    text = printed(scores, width=width, language=language, by=by)
    assert max(text_width(line) for line in text.splitlines()) <= width
    unwrapped = text.replace("\n", " ")
    for sentence in (TEXTS[language]["late"], TEXTS[language]["well"]):
        # Only plain spaces are looked at: a line must not break at those that do not break.
        assert re.search(" +".join(map(re.escape, sentence.split(" "))), unwrapped)
    assert "…" not in text


def test_amounts_stand_one_under_the_other():
    lines = [invoice(n, customer_id="A", open_amount_reporting=10.0**n) for n in range(1, 6)]
    shown = [line for line in printed(scored(lines)).splitlines() if re.search(r"F00\d", line)]
    ends = {re.search(r"[\d,]+\.00", line).end() for line in shown}
    assert len(shown) == 5
    assert len(ends) == 1


def test_up_to_where_a_probability_is_the_invoices_own_is_told_in_the_same_words_everywhere():
    told = phrase("gate.pooled_beyond", "en", n=75)
    assert told in printed(book(), width=200, model=trained())
    assert told in gate_sentences(trained())
    assert told in page().visible()
    assert "own rate" not in printed(book(), width=200, model=trained(supported_days=180))


@pytest.mark.parametrize("language", ["en", "fr"])
def test_an_empty_book_and_an_empty_queue_say_so(language):
    empty = phrase("queue.empty", language)
    assert printed(scored([]), language=language) == empty + "\n"
    aside = printed(scored([invoice(1, set_aside="promise")]), language=language)
    assert aside.startswith(empty + "\n")
    assert phrase("set_aside.promise", language) in aside


def test_names_with_markup_emoji_or_escapes_are_shown_as_they_are():
    lines = [invoice(1, customer_id="[bold red]A[/] :warning:"), invoice(2, customer_id="B\x1b[2J[link=x]")]
    text = printed(scored(lines), width=120)
    assert "[bold red]A[/]" in text
    assert ":warning:" in text
    assert "B\ufffd[2J[link=x]" in text
    assert "\x1b" not in text


def test_colours_only_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" not in printed(book())
    coloured = printed(book(), tty=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == printed(book())


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_terminal_without_utf8_gets_what_it_can_show(encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    scores = book("fr")
    print_queue(rank(scores), scores, language="fr", console=Console(file=stream, width=100))
    stream.flush()
    text = stream.buffer.getvalue().decode(encoding)
    assert "1 006,00" in text
    assert ("Échéance" in text) == (encoding == "cp1252")


def test_the_limit_and_what_waits_are_told():
    text = printed(book(), limit=2, capacity=5)
    assert "7 invoices to chase, the first 2 are shown" in text
    assert len(re.findall(r"^ *\d+  F0", text, re.MULTILINE)) == 2
    narrow = printed(book(), scope="overdue", order="value-at-stake")
    assert "ranked by value at stake, overdue only" in narrow


# ---- the page


@pytest.mark.parametrize("language", ["en", "fr"])
def test_totals_are_on_the_page(language):
    scores = book(language)
    totals = rank(scores).totals
    figures = [text for element, text in page(scores, language=language).texts if element == "dd"]
    unpaid = (scores.frame["prob_unpaid"] * scores.frame["open_amount_reporting"]).sum()
    for value in (
        totals["open_amount"],
        totals["overdue_amount"],
        unpaid,
        totals["expected_loss"],
        totals["cost_of_delay"],
    ):
        assert format_amount(value, "EUR", language, 0) in figures


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_part_is_there(language):
    found = page(language=language, ledger=read_with(notes=("The table has no dates.",), refused=3))
    seen = " ".join(found.visible())
    assert found.all("html") == [{"lang": language}]
    headings = [text for element, text in found.texts if element == "h2"]
    sections = found.all("section")
    assert len(headings) == len(sections) == 7
    names = {attributes["id"] for attributes in found.all("h2")}
    assert {attributes["aria-labelledby"] for attributes in sections} == names
    assert {link["href"] for link in found.all("a")} == {f"#{attributes['id']}" for attributes in sections}
    for key in ("gate.meaning", "report.policy", "report.insolvency_rule", "report.means_loss"):
        assert phrase(key, language) in seen
    for sentence in gate_sentences(trained(), language):
        assert sentence in seen
    for reason in SET_ASIDE_REASONS:
        assert phrase(f"set_aside.{reason}", language) in seen
    assert TEXTS[language]["late"] in found.visible()
    assert (
        f"{phrase('unit.rows', language, n=3)} {'de la table' if language == 'fr' else 'of'} payments" in seen
    )
    assert "The table has no dates." in seen
    assert phrase("queue.left", language, n=12) in seen
    assert phrase("queue.passed", language, n=400) in seen


def test_a_part_without_content_is_left_out_or_says_so():
    found = page(scored([invoice(1)]))
    assert "claims" not in {attributes["id"] for attributes in found.all("section")}
    assert phrase("report.nothing_set_aside", "en") in found.visible()
    assert phrase("report.refused", "en") not in found.visible()
    nothing = page(scored([]))
    assert nothing.visible().count(phrase("queue.empty", "en")) == 2


@pytest.mark.parametrize("language", ["en", "fr"])
def test_tables_are_tables_for_those_who_cannot_see_them(language):
    found = page(language=language)
    assert len(found.all("table")) == 7
    captions = [text for element, text in found.texts if element == "caption"]
    assert len(captions) == 7
    assert all(attributes.get("scope") in ("col", "row") for attributes in found.all("th"))
    rows = found.all("tr")
    assert rows
    assert all(attributes["role"] == "row" for attributes in rows)
    assert phrase("report.raises", language) in found.visible()
    assert phrase("report.lowers", language) in found.visible()
    stacked = [a["style"] for a in found.all("span") if "flex-grow" in a.get("style", "")]
    assert len(stacked) == 5


@pytest.mark.parametrize("language", ["en", "fr"])
def test_books_that_end_long_before_the_day_are_warned_of_on_the_page(language):
    until = AS_OF - timedelta(days=32)
    found = page(language=language, ledger=read_with(until=until))
    warned = [text for text in found.visible() if format_date(until, language) in text]
    assert len(warned) == 1
    assert phrase("unit.days", language, n=32) in warned[0]
    assert [given["role"] for given in found.all("p") if given.get("class") == "warning"] == ["alert"]
    recent = page(language=language, ledger=read_with(until=AS_OF - timedelta(days=31)))
    assert not any(given.get("class") == "warning" for given in recent.all("p"))


def test_refused_rows_are_counted_by_table_and_a_sound_ledger_says_nothing():
    assert refused_sentence(read_with()) == ""
    told = refused_sentence(read_with(refused=1))
    assert told.startswith("Refused, and in no figure: 1 row of payments.")
    assert "--rejects" in told
    listed = refused_rows(read_with(refused=2), "fr")
    assert listed["why"].to_list() == [phrase("rule.amount_zero", "fr")] * 2


def test_every_rule_has_its_words_in_both_languages():
    said = {key.removeprefix("rule."): text for key, text in texts("en").items() if key.startswith("rule.")}
    assert said == RULES


def test_nothing_is_loaded_and_nothing_runs():
    text = report_page(book(), None, trained())
    found = Page(text)
    assert not re.search(r"https?:|//\w|url\(|@import|javascript:", text)
    assert {name for name, _ in found.elements} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "form",
    } == set()
    assert not any(key == "src" or key.startswith("on") for _, given in found.elements for key in given)
    policy = next(meta["content"] for meta in found.all("meta") if "http-equiv" in meta)
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_what_a_file_smuggles_in_is_text():
    evil = f'{SCRIPT}" onclick="x'
    lines = [
        invoice(1, customer_id=evil, invoice_id=f"{SCRIPT}1", reasons_late=[told("amount", 1, SCRIPT)]),
        invoice(2, customer_id=f"{evil}2", invoice_id=f"{SCRIPT}2", set_aside="dispute"),
    ]
    scores = scored(lines, cash=[(evil, 5.0)], claims=[(evil, SCRIPT, 1.0, AS_OF, AS_OF, 0)])
    scores.reporting_currency = SCRIPT
    text = report_page(scores, None, trained(), ledger=read_with((SCRIPT,)))
    found = Page(text)
    assert "<script" not in text
    assert found.all("script") == []
    assert not any("onclick" in given for _, given in found.elements)
    names = [seen for element, seen in found.texts if element == "bdi"]
    assert {evil, f"{evil}2", f"{SCRIPT}1", f"{SCRIPT}2"} <= set(names)
    assert names.count(evil) == 3  # by customer, beside its invoice, among the claims
    assert SCRIPT in found.visible()


SAME_IN_BOTH = {"paydelay", "Action"}


def test_every_text_of_the_french_page_is_french():
    late = read_with(refused=2, until=AS_OF - timedelta(days=60))
    pages = {language: page(language=language, ledger=late) for language in ("en", "fr")}
    labels = {
        language: {
            given[key] for _, given in found.elements for key in ("data-label", "aria-label") if key in given
        }
        for language, found in pages.items()
    }
    english = set(pages["en"].visible()) | labels["en"]
    french = set(pages["fr"].visible()) | labels["fr"]
    words = {text for text in french & english if re.search(r"[A-Za-z]{3}", text)}
    assert words <= SAME_IN_BOTH
    assert not any("nan" in text.lower().split() or "None" in text for text in french | english)
    assert not any(set(text) & set("{}_") for text in french | english)


def test_french_writes_numbers_and_dates_its_own_way():
    seen = page(language="fr").visible()
    assert "1\u202f006,00" in seen
    assert "26/04/2024" in seen
    assert "Encours clients au 31 mai 2025 · montants en EUR · modèle du 30 mai 2025" in seen
    assert "9 factures mises à l'écart" in printed(book("fr"), language="fr")


def test_notes_in_english_are_marked_so_on_a_french_page():
    marked = [given.get("lang") for given in page(language="fr", ledger=read_with(("A note.",))).all("ul")]
    assert marked.count("en") == 1
    assert "en" not in [given.get("lang") for given in page(ledger=read_with(("A note.",))).all("ul")]


def test_the_queues_are_cut_at_25_customers_and_50_invoices_or_as_asked():
    lines = [invoice(n, customer_id=f"K{n}") for n in range(60)]
    assert report_page(scored(lines), None, trained(), top=7).count('class="why"') == 14
    text = report_page(scored(lines), None, trained())
    ranks = [seen for element, seen in Page(text).texts if element == "span" and seen.isdigit()]
    assert ranks.count("25") == 2
    assert ranks.count("26") == ranks.count("50") == 1
    assert "51" not in ranks
    assert "60 invoices to chase, the first 50 are shown" in text


@pytest.mark.parametrize("by", ["invoice", "customer"])
def test_a_worklist_gives_its_order_to_both_queues(by):
    scores = book()
    worklist = rank(scores, by=by, order="late-value", scope="overdue", capacity=3)
    text = report_page(scores, worklist, trained())
    assert text.count("ranked by expected late amount, overdue only") == 2
    # All are equally likely late, so the largest leads. Five invoices of four customers are overdue.
    ids = [seen for element, seen in Page(text).texts if element == "bdi" and re.fullmatch("F0\\d\\d", seen)]
    assert ids[:3] == ["F006", "F005", "F004"]
    assert text.count('class="why"') == (3 + 5 if by == "customer" else 4 + 3)


def test_the_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "out" / "report.html"
    assert write_report(path, book(), None, trained()) == path
    first = path.read_bytes()
    assert first.startswith(b"<!DOCTYPE html>\n<html lang=")
    write_report(path, book(), None, trained())
    assert path.read_bytes() == first

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(TargetError, match="No space left on device"):
        write_report(path, book("fr"), None, trained(), language="fr")
    assert path.read_bytes() == first
    assert list(path.parent.iterdir()) == [path]


def test_a_report_is_not_written_over_a_folder_or_under_a_file(tmp_path):
    folder = tmp_path / "folder.html"
    folder.mkdir()
    with pytest.raises(TargetError, match="is a folder"):
        write_report(folder, book(), None, trained())
    (tmp_path / "file").write_text("mine")
    with pytest.raises(TargetError, match="cannot be written"):
        write_report(tmp_path / "file" / "report.html", book(), None, trained())


@pytest.mark.parametrize("name", ["report.pdf", "report", ".html"])
def test_a_report_is_an_html_file(tmp_path, name):
    with pytest.raises(TargetError, match=r"give a path that ends in \.html"):
        write_report(tmp_path / name, book(), None, trained())
    assert list(tmp_path.iterdir()) == []


def luminance(colour):
    digits = colour.lstrip("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_texts_stand_out_from_their_ground_in_light_dark_and_print():
    style = re.search(r"<style>(.*)</style>", report_page(book(), None, trained()), re.DOTALL)[1]
    themes = [
        dict(re.findall(r"--([\w-]+): (#\w+)", block)) for block in re.findall(r":root \{([^}]*)\}", style)
    ]
    assert len(themes) == 3
    for theme in themes:
        for ink in ("ink", "soft", "accent", "late", "well"):
            assert contrast(theme[ink], theme["card"]) >= 4.5
        for ink in ("ink", "soft", "accent"):
            assert contrast(theme[ink], theme["ground"]) >= 4.5
        assert contrast(theme["hint-ink"], theme["hint"]) >= 4.5
        for age in range(5):
            assert contrast(theme[f"age-{age}"], theme["card"]) >= 3.0
