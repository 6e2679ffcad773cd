"""What a backtest shows is what its tables hold, in both languages, on page, card and terminal."""

from __future__ import annotations

import io
import math
import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from proofs import small_ledger, small_proof
from rich.console import Console

from paydelay import Backtest, write_backtest_report
from paydelay.backtest.judging import ORDERS
from paydelay.errors import TargetError
from paydelay.figures.naming import scorer_name
from paydelay.intervals import Interval
from paydelay.language import format_amount, format_number, format_share, phrase
from paydelay.ledger import Ledger
from paydelay.report import backtest_page, model_card, print_backtest
from paydelay.report.columns import text_width
from paydelay.report.proof_content import called, chance_of, failures, method_notes, signed, verdict_sentences

LATE = pl.col("outcome") == "late"


class Page(HTMLParser):
    """Elements, visible texts and tables; fails where tags are not closed in order."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
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

    def cells(self):
        return {text for element, text in self.texts if element in ("td", "th")}


@cache
def written(language: str = "en") -> str:
    return backtest_page(small_proof(), language=language)


@cache
def page(language: str = "en") -> Page:
    return Page(written(language))


def printed(proof: Backtest, language: str = "en", width: int = 100) -> str:
    stream = io.StringIO()
    print_backtest(proof, language, console=Console(file=stream, width=width))
    return stream.getvalue()


def only_late() -> Backtest:
    """The proof of a book in which nothing went unpaid."""
    proof = small_proof()
    tables = {
        name: rows.filter(LATE) if "outcome" in rows.columns and name != "counts" else rows
        for name, rows in proof.tables.items()
    }
    counts = tables["counts"].filter(LATE | (pl.col("reason") != "judged"))
    return replace(proof, tables=tables | {"counts": counts}, verdicts={"late": proof.verdict})


def judged(value: float, low: float, high: float) -> Backtest:
    """The proof with another gain, as its verdict would take it."""
    proof = small_proof()
    gain = Interval(value, low, high)
    verdict = replace(proof.verdict, gain_per_book=gain, beats=low > 0.0, loses=high < 0.0)
    return replace(proof, verdicts=proof.verdicts | {"late": verdict})


# The verdict -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ends", "says", "finds", "in_french"),
    [
        ((250.0, 40.0, 500.0), "yes", "EUR 250 more", "oui"),
        ((-250.0, -900.0, 40.0), "not shown", "EUR 250 less", "ce n'est pas établi"),
        ((250.0, -40.0, 900.0), "not shown", "EUR 250 more", "ce n'est pas établi"),
        ((-250.0, -900.0, -40.0), "no", "EUR 250 less", "non"),
        ((0.0, 0.0, 0.0), "not shown", "no more", "ce n'est pas établi"),
    ],
)
def test_the_verdict_is_told_as_it_is(ends, says, finds, in_french):
    first, *more = verdict_sentences(judged(*ends), "late", "en")
    found = f"In the first 20% of each book the model finds {finds} late money than the best simple method"
    baseline = scorer_name(small_proof().verdict.baseline, "en")
    assert first.startswith(f"Late payment: {says}. {found} ({baseline})")
    assert ("chance" in first) == (says == "not shown")
    assert len(more) == 4
    assert verdict_sentences(judged(*ends), "late", "fr")[0].startswith(f"Retard\u202f: {in_french}. ")


def test_how_sure_the_verdict_is_stands_beside_it():
    verdict = replace(small_proof().verdict, baseline="regression")
    proof = replace(small_proof(), verdicts={"late": verdict})
    sure, by_customer, rest, order, auc = verdict_sentences(proof, "late", "en")[1:]
    assert by_customer.startswith("Drawn by whole customers, whose weeks are alike: EUR ")
    over = verdict.gain_over_order_per_book
    assert verdict.order in ORDERS["late"]
    assert order.startswith("Beside the best that collectors do without any estimate (")
    assert f"): EUR {abs(over.value):,.0f} " in order
    assert f"{format_share(verdict.share_above, 'en', 1)} of 20 re-draws" in sure
    low, high = verdict.gain_per_book.low, verdict.gain_per_book.high
    ends = f"EUR {abs(low):,.0f} {'less' if low < 0 else 'more'} to EUR {abs(high):,.0f} "
    assert sure.startswith(f"95% interval: {ends}")
    assert rest.startswith(
        f"Without the customer who owes most of it: EUR {abs(verdict.gain_without_largest.value):,.0f} "
    )
    assert f": {signed(verdict.auc_gain.value, 'en', 3)} (95% interval" in auc
    assert ("is not shown to tell" in auc) == (verdict.auc_gain.low <= 0.0 <= verdict.auc_gain.high)


@pytest.mark.parametrize(
    ("ends", "english", "french"),
    [
        ((-40.0, 250.0), "EUR 40 less to EUR 250 more", "entre 40 € de moins et 250 € de plus"),
        ((0.0, 250.0), "no difference to EUR 250 more", "entre aucun écart et 250 € de plus"),
        ((0.0, 0.0), "no difference", "aucun écart"),
    ],
)
def test_the_ends_of_a_gain_read_well_where_one_of_them_is_nothing(ends, english, french):
    proof = judged(sum(ends) / 2, *ends)
    assert verdict_sentences(proof, "late", "en")[1].startswith(f"95% interval: {english} per book; ")
    said = re.sub(r"\s", " ", verdict_sentences(proof, "late", "fr")[1])
    assert said.startswith(f"Intervalle à 95 % : {french} par portefeuille ; ")
    assert f"95% interval: {english}" in Page(backtest_page(proof)).visible()


def test_an_order_that_is_the_best_simple_method_is_not_told_twice():
    proof = small_proof()
    same = replace(proof.verdict, baseline=proof.verdict.order)
    said = verdict_sentences(replace(proof, verdicts={"late": same}), "late", "en")
    assert len(said) == 5
    assert not any("without any estimate" in sentence for sentence in said)


def test_what_could_not_be_judged_is_said_to_be_so():
    said = verdict_sentences(only_late(), "unpaid", "en")
    assert said == [phrase("backtest.verdict.unpaid_unjudged", "en")]
    found = Page(backtest_page(only_late(), language="fr"))
    assert phrase("backtest.verdict.unpaid_unjudged", "fr") in found.visible()
    assert "Impayé\u202f: aucune ligne n'a pu être évaluée." in " ".join(found.visible())
    assert len(found.all("svg")) == 5
    assert phrase("backtest.verdict.unpaid_unjudged", "en") in printed(only_late(), width=200)
    assert phrase("backtest.verdict.unpaid_unjudged", "en") in model_card(only_late())


def test_a_sign_stands_where_there_is_a_difference():
    assert [signed(value, "en", 3) for value in (0.0071, -0.0071, 0.0001, 0.0)] == [
        "+0.007",
        "-0.007",
        "0.000",
        "0.000",
    ]


# The page ----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "fr"])
def test_nothing_is_loaded_and_nothing_runs(language):
    found = page(language)
    assert not re.search(r"https?:|url\((?!#)|@import|javascript:", written(language))
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
    assert all(svg["role"] == "img" for svg in found.all("svg"))
    assert len(found.all("svg")) == 9


def test_names_inside_the_page_are_unique_and_links_lead_to_them():
    found = page()
    names = [given["id"] for _, given in found.elements if "id" in given]
    assert len(names) == len(set(names))
    assert {f"#{name}" for name in names} >= {link["href"] for link in found.all("a")}
    assert {given["aria-labelledby"] for given in found.all("section")} <= set(names)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_table_is_there_as_it_is(language):
    proof, cells = small_proof(), page(language).cells()
    for column, decimals in (
        ("auc", 3),
        ("log_loss", 3),
        ("brier", 3),
        ("ece", 3),
        ("ece_by_chance", 3),
        ("slope", 2),
    ):
        for table in ("scorers", "slices", "books"):
            if column in proof.tables[table].columns and (column, table) != ("slope", "slices"):
                shown = proof.tables[table][column].drop_nulls()
                assert {format_number(value, language, decimals) for value in shown} <= cells, (column, table)
    for value in ("late_value_5", "late_days_value_contacts", "unpaid_value_20", "lost_value_10"):
        assert {
            format_share(share, language, 1) for share in proof.tables["scorers"][value].drop_nulls()
        } <= cells
    for amount in [*proof.tables["money"].filter(value="late_value")["regret_per_book"]]:
        decimals = 0 if amount >= 10 or amount == 0 else 2
        assert format_amount(amount, "EUR", language, decimals) in cells
    for row in proof.tables["intervals"].iter_rows(named=True):
        if row["figure"] == "auc" and row["low"] is not None:
            ends = {name: format_number(row[name], language, 3) for name in ("value", "low", "high")}
            assert phrase("backtest.with_interval", language, **ends) in cells
    for row in proof.tables["gains"].iter_rows(named=True):
        assert format_share(row["share_above"], language, 1) in cells
    for row in proof.tables["delays"].iter_rows(named=True):
        assert format_number(row["crps_days"], language, 2) in cells
    tables = [proof.tables[name] for name in ("delay_folds", "delay_slices")]
    for row in pl.concat(
        [proof.tables["delays"].filter(scorer="model"), *tables], how="diagonal_relaxed"
    ).rows(named=True):
        if not row["row_count"]:
            continue
        ends = {"value": "coverage", "low": "coverage_low", "high": "coverage_high"}
        told = {name: format_share(row[end], language, 1) for name, end in ends.items()}
        assert phrase("backtest.with_interval", language, **told) in cells


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_tiles_hold_the_figures_that_matter_with_their_intervals(language):
    proof = small_proof()
    tiles = [text for element, text in page(language).texts if element == "dd"]
    assert format_share(proof.verdict.captured, language, 1) in tiles
    assert format_share(proof.verdict.baseline_captured, language, 1) in tiles
    auc = proof.tables["intervals"].filter(outcome="late", view="all", figure="auc").row(0, named=True)
    assert format_number(auc["value"], language, 3) in tiles
    ends = {end: format_number(auc[end], language, 3) for end in ("low", "high")}
    assert phrase("backtest.interval", language, **ends) in tiles


def test_of_100_invoices_called_70_percent_late_the_nearest_bin_speaks():
    rows = pl.DataFrame(
        {
            "outcome": ["late"] * 3,
            "predicted": [0.3, 0.66, 0.8],
            "observed": [0.2, 0.61, 0.9],
            "low": [0.1, 0.5, 0.8],
            "high": [0.3, 0.7, 1.0],
        }
    )
    proof = small_proof()
    assert called(replace(proof, tables=proof.tables | {"reliability": rows}))["observed"] == 0.61


def test_every_row_is_accounted_for_and_the_method_is_told():
    seen = " ".join(page().visible())
    proof = small_proof()
    counts = {(row["outcome"], row["reason"]): row["row_count"] for row in proof.tables["counts"].to_dicts()}
    assert f"{proof.rows.height} rows were scored in all" in seen
    for outcome in ("late", "unpaid"):
        assert sum(n for (of, _), n in counts.items() if of == outcome) == proof.rows.height
    assert f"Late payment: {counts['late', 'judged']} rows were judged." in seen
    assert (
        f"{counts['late', 'known']} were not, since they were due, written off or caught in an insolvency"
        in seen
    )
    assert f"{counts['unpaid', 'not_ripe']} were not, since their outcome was not final by 2024-07-31" in seen
    assert phrase("backtest.method.policy", "en") in seen
    assert phrase("report.policy", "en") == phrase("backtest.method.policy", "en")
    for fold in proof.folds:
        assert fold.train_as_of.isoformat() in seen


SAME_IN_BOTH = {"paydelay", "AUC", "ECE", "Brier", "Log-loss", "key", "middle", "small"}


def test_every_text_of_the_french_page_is_french():
    labels = {
        language: {
            given[key]
            for _, given in page(language).elements
            for key in ("data-label", "aria-label")
            if key in given
        }
        for language in ("en", "fr")
    }
    english, french = (set(page(language).visible()) | labels[language] for language in ("en", "fr"))
    words = {text for text in french & english if re.search(r"[A-Za-z]{3}", text)}
    assert words <= SAME_IN_BOTH
    assert not any({"nan", "inf", "None"} & set(re.split(r"[^A-Za-z]+", text)) for text in french | english)
    assert not any(set(text) & set("{}_") for text in french | english)


def test_the_same_proof_gives_the_same_page_card_and_lines():
    proof = small_proof()
    again = replace(proof, tables=dict(proof.tables))
    assert backtest_page(again, language="fr") == written("fr")
    assert model_card(again) == model_card(proof)
    assert printed(again) == printed(proof)


def test_what_a_ledger_calls_its_segments_is_text():
    evil = "<script>alert(1)</script>"
    proof = small_proof()
    slices = proof.tables["slices"].with_columns(
        slice=pl.when(pl.col("kind") == "segment").then(pl.lit(evil)).otherwise("slice")
    )
    text = backtest_page(replace(proof, tables=proof.tables | {"slices": slices}))
    assert "<script" not in text
    assert any(evil in seen for seen in Page(text).visible())


def test_what_was_refused_of_the_ledger_is_told_on_the_page():
    sound = small_ledger()
    rows = (
        sound.payments.head(1)
        .with_columns(amount=pl.lit(0.0))
        .select("invoice_id", "customer_id", "payment_date", "amount", "kind")
    )
    payments = pl.concat([sound.payments.select(rows.columns), rows])
    invoices = sound.invoices.select(
        "invoice_id", "customer_id", "issue_date", "due_date", "amount", "currency"
    )
    text = backtest_page(small_proof(), ledger=Ledger.from_frames(invoices, payments))
    assert "Refused, and in no figure: 1 row of payments." in " ".join(Page(text).visible())
    assert "Refused" not in written()


@pytest.mark.parametrize("language", ["en", "fr"])
def test_what_chance_alone_shows_stands_beside_the_calibration_error(language):
    proof, found = small_proof(), page(language)
    told = " ".join(found.visible())
    for outcome in ("late", "unpaid"):
        chance = chance_of(proof, outcome)
        assert 0.0 < chance < 0.2
        assert format_number(chance, language, 3) in found.cells()
        notes = method_notes(proof, outcome, language)
        assert format_number(chance, language, 3) in notes[0]
        # Nothing judged for late payment is due yet: two baselines are the same one, and it is said.
        assert len(notes) == (2 if outcome == "late" else 1)
        assert (notes[-1] in told) == (outcome == "late")
    same = proof.tables["scorers"].filter(outcome="late", view="all").drop("scorer")
    names = proof.tables["scorers"].filter(outcome="late", view="all")["scorer"].to_list()
    assert same.row(names.index("overdue_amount")) == same.row(names.index("largest_amount"))
    out = io.StringIO()
    print_backtest(proof, language, console=Console(file=out, width=400))
    assert all(note in out.getvalue() for note in method_notes(proof, "late", language))


def test_a_gain_without_ends_is_not_said_to_be_sure():
    proof = only_late()
    endless = Interval(100.0, -math.inf, math.inf)
    verdict = replace(proof.verdict, gain_per_book=endless, auc_gain=endless, beats=False)
    told = verdict_sentences(replace(proof, verdicts={"late": verdict}), "late", "en")
    assert told[0].startswith("Late payment: not shown.")
    assert not any("inf" in sentence or "no difference" in sentence for sentence in told)
    page_told = " ".join(Page(backtest_page(replace(proof, verdicts={"late": verdict}))).visible())
    assert "inf" not in page_told.split()


# Where it fails ----------------------------------------------------------------------------


def sliced(**changes: object) -> Backtest:
    """The proof with one slice, sound but for what is given."""
    row = {
        "outcome": "late", "kind": "amount_quartile", "slice": "4", "row_count": 400,
        "came_share": 0.4, "came_low": 0.35, "came_high": 0.45, "predicted_share": 0.41,
        "auc": 0.8, "baseline_auc": 0.7, "log_loss": 0.5, "ece": 0.02, "ece_by_chance": 0.01,
        "slope": 1.0, "slope_low": 0.9, "slope_high": 1.1, "late_value_20": 0.5, **changes,
    }  # fmt: skip
    proof = only_late()
    slope, level = (pl.col("figure") == name for name in ("slope", "intercept"))
    steady = proof.tables["intervals"].with_columns(
        low=pl.when(slope).then(0.9).when(level).then(-0.1).otherwise("low"),
        high=pl.when(slope).then(1.1).when(level).then(0.1).otherwise("high"),
    )
    return replace(proof, tables=proof.tables | {"slices": pl.DataFrame([row]), "intervals": steady})


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [
        ({"slope": 1.4, "slope_low": 1.2}, "too timid: slope 1.40 (95% interval 1.20 to 1.10)"),
        ({"slope": 0.6, "slope_high": 0.8}, "too bold: slope 0.60 (95% interval 0.90 to 0.80)"),
        ({"predicted_share": 0.3}, "too low: 30.0% predicted, 40.0% came (35.0% to 45.0%)"),
        ({"predicted_share": 0.5}, "too high: 50.0% predicted, 40.0% came (35.0% to 45.0%)"),
        ({"baseline_auc": 0.81}, "the simple method (plain regression) tells them apart better: AUC 0.810, "
         "the model 0.800"),
    ],
)  # fmt: skip
def test_a_slice_that_fails_is_told_with_its_reason(changes, flaw):
    (failure,) = failures(sliced(**changes), "late", "en")
    assert failure.name == "Amount: largest quarter"
    assert failure.flaws == (flaw,)
    assert not failure.few


def test_sound_slices_are_no_failures_and_small_ones_are_told_to_be_small():
    assert failures(sliced(), "late", "en") == []
    assert phrase("backtest.failure.none", "en") in Page(backtest_page(sliced())).visible()
    unknown = sliced(slope=None, slope_low=None, slope_high=None, auc=None, baseline_auc=None)
    assert failures(unknown, "late", "en") == []
    (few,) = failures(sliced(predicted_share=0.9, row_count=99), "late", "fr")
    assert few.few
    text = backtest_page(sliced(predicted_share=0.9, row_count=99), language="fr")
    assert "99 lignes seulement" in text


def test_a_slope_that_is_off_everywhere_leads_the_failures():
    first = failures(small_proof(), "late", "en")[0]
    slope = small_proof().tables["intervals"].filter(outcome="late", view="all", figure="slope")
    assert not slope["low"].item() <= 1.0 <= slope["high"].item()
    assert (first.name, first.row_count) == ("All rows", small_proof().verdict.row_count)


def test_a_level_that_is_off_everywhere_is_told_where_the_slope_is_right():
    sound = sliced()
    level = pl.when(pl.col("figure") == "intercept")
    rows = sound.tables["intervals"].with_columns(
        value=level.then(0.21).otherwise("value"),
        low=level.then(0.13).otherwise("low"),
        high=level.then(0.29).otherwise("high"),
    )
    (failure,) = failures(replace(sound, tables=sound.tables | {"intervals": rows}), "late", "en")
    assert failure.flaws == ("too low on the whole: intercept 0.21 (95% interval 0.13 to 0.29)",)


def test_an_auc_of_a_handful_is_no_failure():
    assert failures(sliced(row_count=20, baseline_auc=0.9), "late", "en") == []
    assert len(failures(sliced(row_count=25, baseline_auc=0.9), "late", "en")) == 1


# Card, terminal and file ---------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_card_says_what_it_is_for_and_what_not(language):
    card, proof = model_card(small_proof(), language), small_proof()
    for key in ("no_decisions", "no_other_books", "no_causes", "meant"):
        assert phrase(f"card.{key}", language) in card
    assert phrase("backtest.method.policy", language) in card
    assert verdict_sentences(proof, "late", language)[0] in card
    row = proof.tables["intervals"].filter(outcome="late", view="all", figure="brier").row(0, named=True)
    ends = {name: format_number(row[name], language, 3) for name in ("value", "low", "high")}
    assert f"| Brier | {phrase('backtest.with_interval', language, **ends)} |" in card
    for line in card.splitlines():
        if line.startswith("|"):
            assert line.endswith("|")
    assert not set(card) & set("{}_")


def test_no_paragraph_of_the_french_card_is_english():
    english, french = (set(model_card(small_proof(), language).split("\n")) for language in ("en", "fr"))
    assert {line for line in english & french if re.search(r"[A-Za-z]{3}", line)} == set()


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(language, width):
    text = printed(small_proof(), language, width)
    assert max(text_width(line) for line in text.splitlines()) <= width
    assert "…" not in text


def test_the_terminal_shows_every_method_and_the_money():
    text = printed(small_proof(), width=120)
    proof = small_proof()
    for row in proof.tables["scorers"].filter(outcome="late", view="all").iter_rows(named=True):
        name = phrase(f"scorer.{row['scorer']}", "en")
        line = next(line for line in text.splitlines() if line.strip().lower().startswith(name.lower()))
        assert format_share(row["late_value_20"], "en", 1) in line
        assert format_number(row["auc"], "en", 3) in line
    found = proof.tables["money"].filter(value="late_value", depth="contacts", scorer="model")
    assert format_amount(found["found_per_book"].item(), "EUR", "en", 0) in text
    scored, judged = proof.rows.height, proof.verdict.row_count
    ends = f"2 trainings, {scored} rows scored, {judged} rows judged, 20 re-draws."
    assert text.rstrip().endswith(ends)


def test_the_file_is_written_whole_and_only_as_html(tmp_path: Path):
    place = tmp_path / "out" / "proof.html"
    assert write_backtest_report(place, small_proof(), language="fr") == place
    assert place.read_text("utf-8") == written("fr")
    with pytest.raises(TargetError, match=r"ends in \.html"):
        write_backtest_report(tmp_path / "proof.pdf", small_proof())
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
