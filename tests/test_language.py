"""The catalogue is whole in every language, and numbers are written as each one does."""

from datetime import date

import pytest

from paydelay.errors import ConfigError
from paydelay.history.entries import COHORT_CAP_DAYS, DELAY_CAP_DAYS
from paydelay.language import (
    Evidence,
    catalogue_faults,
    causes,
    check_catalogue,
    detail_cause,
    format_amount,
    format_date,
    format_days,
    format_number,
    format_share,
    format_window,
    languages,
    phrase,
    read_catalogue,
    reason_text,
    rounded,
)
from paydelay.language.catalogue import texts
from paydelay.language.sentences import LONGEST_DELAYS

THIN = "\u202f"

# What scoring, the queue and the report show; a column added there needs its heading here.
SCORE_COLUMNS = """
invoice_id customer_id as_of issue_date due_date days_past_due currency open_amount open_amount_reporting
prob_late prob_late_30 prob_late_60 prob_unpaid delay_median_days delay_low_days delay_high_days
expected_payment_date ead covered_amount lgd expected_loss cost_of_delay value_at_stake scope set_aside
priority_rank reasons_late reasons_unpaid model_version
"""
SET_ASIDE = "dispute promise payment_plan insolvency agency covered written_off paid_on_account"


def thin(text):
    """Sentences are written with plain spaces in the tests; French sets marks off by thin ones."""
    return text.replace(THIN, " ")


def test_every_language_says_all_that_english_says_and_every_cause_has_its_sentence():
    assert languages() == ("en", "fr")
    assert check_catalogue() == []


@pytest.mark.parametrize(
    ("reference", "other", "fault"),
    [
        ("a: x\nb: y", "a: x", "b: missing"),
        ("a: x", "a: x\nb: y", "b: not in the reference"),
        ("a: '{n} rows'", "a: 'lignes'", "a: placeholders {n} on one side, none on the other"),
        ("a: {one: x, other: y}", "a: {one: x, other: y, zero: z}", "a: variants zero on one side only"),
        ("a: {one: '{n} x', other: y}", "a: {one: x, other: y}", "a: placeholders {n} on one side"),
    ],
)
def test_a_missing_translation_is_a_fault(reference, other, fault):
    faults = catalogue_faults(read_catalogue(reference), read_catalogue(other))
    assert len(faults) == 1
    assert faults[0].startswith(fault)


def test_a_sentence_taken_out_of_french_is_found():
    french = dict(texts("fr"))
    del french["reason.customer_mean_delay"]
    assert catalogue_faults(texts("en"), french) == ["reason.customer_mean_delay: missing"]


def test_a_key_given_twice_is_refused():
    with pytest.raises(Exception, match="the key a stands twice"):
        read_catalogue("a: x\na: y")


def test_no_text_is_the_same_in_both_languages_where_it_is_a_sentence():
    english, french = texts("en"), texts("fr")
    same = [
        key
        for key, entry in english.items()
        if entry == french[key] and not key.startswith(("format.", "month", "column."))
    ]
    assert same == []


@pytest.mark.parametrize("language", ["en", "fr"])
def test_headings_scopes_and_set_aside_reasons_are_there(language):
    for column in SCORE_COLUMNS.split():
        assert phrase(f"column.{column}", language)
    for reason in SET_ASIDE.split():
        assert phrase(f"set_aside.{reason}", language)
    for scope in ("all", "overdue", "due_soon", "not_due"):
        assert phrase(f"scope.{scope}", language)
    for action in ("call", "remind", "formal_notice", "declare_claim"):
        assert phrase(f"action.{action}", language)
    assert len({phrase(f"weekday.{number}", language) for number in range(7)}) == 7
    assert len({phrase(f"month.{number}", language) for number in range(1, 13)}) == 12


def test_an_unknown_key_a_missing_value_or_an_unknown_language_is_refused():
    with pytest.raises(KeyError, match=r"no text 'scope\.nowhere'"):
        phrase("scope.nowhere", "en")
    with pytest.raises(KeyError, match="needs a value for 'date'"):
        phrase("report.as_of", "fr")
    with pytest.raises(KeyError, match="give the number n"):
        phrase("unit.days", "en")
    with pytest.raises(ConfigError, match="choose one of en, fr"):
        phrase("scope.all", "de")
    with pytest.raises(KeyError, match=r"reason\.mood"):
        reason_text("mood", Evidence(1, "days"), "en")


def test_singular_and_plural_follow_the_language():
    assert [phrase("queue.shown", "en", n=n) for n in (0, 1, 2)] == [
        "0 invoices to chase",
        "1 invoice to chase",
        "2 invoices to chase",
    ]
    assert [phrase("queue.shown", "fr", n=n) for n in (0, 1, 2)] == [
        "0 facture à relancer",
        "1 facture à relancer",
        "2 factures à relancer",
    ]
    assert [format_days(n, "fr") for n in (0, 1, -1, 1.4, 1.6)] == [
        "0 jour",
        "1 jour",
        "-1 jour",
        "1 jour",
        "2 jours",
    ]


def test_numbers():
    assert format_number(1234567.25, "en", 2) == "1,234,567.25"
    assert format_number(1234567.25, "fr", 2) == f"1{THIN}234{THIN}567,25"
    assert [format_number(x, "en") for x in (3, 3.04, 3.06, -0.01)] == ["3", "3", "3.1", "0"]
    assert format_share(0.125, "fr") == f"12,5{THIN}%"
    assert [format_share(x, "en") for x in (0, 1, 0.333)] == ["0%", "100%", "33.3%"]
    assert format_share(0.333, "en", 0) == "33%"


def test_amounts():
    assert format_amount(12345.6, "EUR", "en") == "EUR 12,345.60"
    assert format_amount(12345.6, "EUR", "fr") == f"12{THIN}345,60{THIN}€"
    assert format_amount(12345.6, "USD", "fr") == f"12{THIN}345,60{THIN}USD"
    assert format_amount(-7, "GBP", "en", 0) == "GBP -7"


def test_dates():
    day = date(2025, 8, 3)
    assert [format_date(day, language) for language in ("en", "fr")] == ["2025-08-03", "03/08/2025"]
    assert [format_date(day, language, long=True) for language in ("en", "fr")] == [
        "3 Aug 2025",
        "3 août 2025",
    ]
    assert phrase("report.as_of", "fr", date=day) == "Encours clients au 03/08/2025"


@pytest.mark.parametrize("missing", [None, float("nan"), float("inf")])
def test_what_is_missing_is_a_dash(missing):
    assert format_number(missing, "en") == "–"
    assert format_amount(missing, "EUR", "fr") == "–"
    assert format_share(missing, "fr") == "–"
    assert format_days(missing, "en") == "–"
    assert format_date(None, "en") == "–"


def test_windows():
    assert [format_window(days, None, "en") for days in (30, 90, 182, 365, 45)] == [
        " over the last 30 days",
        " over the last 3 months",
        " over the last 6 months",
        " over the last 12 months",
        " over the last 45 days",
    ]
    assert [format_window(None, count, "fr") for count in (1, 5)] == [
        " sur sa dernière facture",
        " sur ses 5 dernières factures",
    ]
    assert format_window(None, None, "en") == " since the first invoice"
    assert format_window(None, None, "fr") == " depuis la première facture"


LATE = Evidence(23.4, "days", 365, count=14, usual=6.2)
USUAL_6 = "la médiane du portefeuille est de 6"

SENTENCES = [
    (
        "customer_mean_delay",
        LATE,
        "Pays on average 23 days late over the last 12 months (14 invoices); the book's median is 6 days "
        "late",
        "Paie en moyenne avec 23 jours de retard sur les 12 derniers mois (14 factures) ; "
        f"{USUAL_6} jours de retard",
    ),
    (
        "customer_mean_delay",
        Evidence(-4, "days", last_count=5, count=212, usual=6),
        "Pays on average 4 days early on its last 5 invoices; the book's median is 6 days late",
        f"Paie en moyenne avec 4 jours d'avance sur ses 5 dernières factures ; {USUAL_6} jours de retard",
    ),
    (
        "customer_mean_delay",
        Evidence(-0.3, "days", last_count=20, count=3),
        "Pays on average on the due date on its last 3 invoices",
        "Paie en moyenne à l'échéance sur ses 3 dernières factures",
    ),
    (
        "customer_mean_delay",
        Evidence(1, "days", 30, count=1, usual=-2),
        "Pays on average 1 day late over the last 30 days (1 invoice); the book's median is 2 days early",
        "Paie en moyenne avec 1 jour de retard sur les 30 derniers jours (1 facture) ; "
        "la médiane du portefeuille est de 2 jours d'avance",
    ),
    (
        "customer_late_share",
        Evidence(0.6249, "share", 90, count=8, usual=0.0849),
        "Pays 62% of its invoices late over the last 3 months (8 invoices); the book's median is 8.5%",
        "Paie en retard 62 % de ses factures sur les 3 derniers mois (8 factures) ; "
        "la médiane du portefeuille est de 8,5 %",
    ),
    (
        "customer_late_share",
        Evidence(0, "share", 365, count=1),
        "Has paid no invoice late over the last 12 months (1 invoice)",
        "N'a payé en retard aucune de ses factures sur les 12 derniers mois (1 facture)",
    ),
    (
        "customer_last_delay",
        Evidence(9, "days", last_count=1, usual=2),
        "Paid its last invoice 9 days late; the book's median is 2 days late",
        "A payé sa dernière facture avec 9 jours de retard ; la médiane du portefeuille est de 2 jours de "
        "retard",
    ),
    (
        "customer_delay_trend",
        Evidence(-3, "days", last_count=5, count=40),
        "Its delays have improved by 3 days on its last 5 invoices",
        "Ses retards se sont réduits de 3 jours sur ses 5 dernières factures",
    ),
    (
        "weekday_mean_delay",
        Evidence(9, "days", 365, count=4, usual=5, detail=1),
        "When due on a Tuesday, pays on average 9 days late over the last 12 months (4 invoices); "
        "the book's median is 5 days late",
        "Quand l'échéance tombe un mardi, paie en moyenne avec 9 jours de retard sur les 12 derniers mois "
        "(4 factures) ; la médiane du portefeuille est de 5 jours de retard",
    ),
    (
        "weekday_like_amount_late_share",
        Evidence(0.75, "share", 365, count=4, detail=1),
        "When due on a Tuesday, pays 75% of its invoices of like amount late over the last 12 months "
        "(4 invoices)",
        "Quand l'échéance tombe un mardi, paie en retard 75 % de ses factures de montant comparable sur les "
        "12 derniers mois (4 factures)",
    ),
    (
        "terms_late_share",
        Evidence(0.5, "share", 365, count=4, detail=30),
        "On terms of 30 days, pays 50% of its invoices late over the last 12 months (4 invoices)",
        "Sur ses factures à 30 jours, paie en retard 50 % d'entre elles sur les 12 derniers mois "
        "(4 factures)",
    ),
    (
        "cohort_mean_delay",
        Evidence(12, "days", 90, count=7),
        "Its invoices fallen due are on average 12 days late, open ones included, over the last 3 months "
        "(7 invoices)",
        "Ses factures échues ont en moyenne 12 jours de retard, y compris celles encore ouvertes, sur les 3 "
        "derniers mois (7 factures)",
    ),
    (
        "payment_run.thursday",
        Evidence(0.4, "share", 182, usual=0.2),
        "Pays on 40% of Thursdays over the last 6 months",
        "Fait un règlement 40 % des jeudis sur les 6 derniers mois",
    ),
    (
        "payment_run.monday",
        Evidence(0, "share", 182),
        "Has not paid on a Monday over the last 6 months",
        "N'a fait aucun règlement un lundi sur les 6 derniers mois",
    ),
    (
        "cohort_mean_delay",
        Evidence(59.6, "days", 90, count=1, usual=60),
        "Its invoices fallen due are on average 60 days or more late, open ones included, over the last 3 "
        "months (1 invoice); the book's median is 60 days or more late",
        "Ses factures échues ont en moyenne 60 jours ou plus de retard, y compris celles encore ouvertes, "
        "sur les 3 derniers mois (1 facture) ; la médiane du portefeuille est de 60 jours ou plus de retard",
    ),
    (
        "parent_mean_delay",
        Evidence(60, "days", 365),
        "The customer's group pays on average 60 days or more late over the last 12 months",
        "Le groupe du client paie en moyenne avec 60 jours ou plus de retard sur les 12 derniers mois",
    ),
    (
        "customer_mean_delay",
        Evidence(60, "days", 365),
        "Pays on average 60 days late over the last 12 months",
        "Paie en moyenne avec 60 jours de retard sur les 12 derniers mois",
    ),
    (
        "part_payments",
        Evidence(2.5, "ratio", 365, count=2, usual=0.04),
        "2.5 partial payments per settled invoice over the last 12 months (2 invoices); the book's median is "
        "0",
        "2,5 paiements partiels par facture soldée sur les 12 derniers mois (2 factures) ; "
        "la médiane du portefeuille est de 0",
    ),
    (
        "part_payments",
        Evidence(0.04, "ratio", 365, count=30),
        "Hardly ever pays in parts over the last 12 months (30 invoices)",
        "Ne paie presque jamais en plusieurs fois sur les 12 derniers mois (30 factures)",
    ),
    (
        "days_since_payment",
        Evidence(40, "days", usual=2),
        "Last payment received 40 days ago; the book's median is 2 days",
        "Dernier règlement reçu il y a 40 jours ; la médiane du portefeuille est de 2 jours",
    ),
    (
        "broken_promise_rate",
        Evidence(2, "ratio", 365, count=50),
        "2 promises to pay broken per 100 invoices due over the last 12 months (50 invoices)",
        "2 promesses de règlement non tenues pour 100 factures échues sur les 12 derniers mois (50 factures)",
    ),
    ("reminders_sent", Evidence(1, "count"), "1 reminder sent", "1 relance envoyée"),
    (
        "dispute_rate",
        Evidence(0, "ratio", 365, count=9),
        "Hardly ever opens a dispute over the last 12 months (9 invoices)",
        "N'ouvre presque jamais de litige sur les 12 derniers mois (9 factures)",
    ),
    (
        "overdue_amount",
        Evidence(12345.6, "amount", usual=900),
        "Overdue balance of EUR 12,346; the book's median is EUR 900",
        "Encours échu de 12 346 € ; la médiane du portefeuille est de 900 €",
    ),
    (
        "amount_vs_usual",
        Evidence(3.21, "ratio"),
        "This invoice is 3.2 times the customer's usual amount",
        "Cette facture vaut 3,2 fois le montant habituel du client",
    ),
    (
        "limit_use",
        Evidence(1.3, "share", usual=0.4),
        "Uses 130% of its credit limit; the book's median is 40%",
        "Utilise 130 % de sa limite de crédit ; la médiane du portefeuille est de 40 %",
    ),
    ("due_weekday", Evidence(4, "date_part"), "Falls due on a Friday", "Échéance un vendredi"),
    ("due_month_day", Evidence(1, "date_part"), "Falls due on day 1 of the month", "Échéance le 1er du mois"),
    ("days_past_due", Evidence(-6, "days"), "Falls due in 6 days", "Échéance dans 6 jours"),
    (
        "covariate",
        Evidence(1, "flag", label="VIP"),
        "VIP: yes",
        "VIP : oui",
    ),
    (
        "covariate",
        Evidence(101.25, "ratio", usual=98, label="Climat des affaires"),
        "Climat des affaires: 101.2; the book's median is 98",
        "Climat des affaires : 101,2 ; la médiane du portefeuille est de 98",
    ),
    ("rule_overdue", Evidence(38, "days"), "38 days overdue", "38 jours de retard"),
    (
        "rule_unpaid",
        Evidence(91, "days", detail=90),
        "91 days overdue; an invoice counts as unpaid from 90 days on",
        "91 jours de retard ; une facture compte comme impayée à partir de 90 jours",
    ),
    (
        "pooled_rate",
        Evidence(0.341, "share", detail=62),
        "Of the book's invoices that get 62 days late, 34% stay unpaid",
        "Parmi les factures du portefeuille qui atteignent 62 jours de retard, 34 % restent impayées",
    ),
    (
        "book_mean_delay",
        Evidence(2, "days", 365, usual=0.6),
        "The whole book is paid on average 2 days late over the last 12 months; its median so far is 1 day "
        "late",
        "L'ensemble du portefeuille est payé en moyenne avec 2 jours de retard sur les 12 derniers mois ; "
        "sa médiane jusqu'ici est de 1 jour de retard",
    ),
    ("rule_written_off", Evidence(1, "flag"), "Written off", "Passée en perte"),
    (
        "pooled_unpaid",
        Evidence(0, "flag"),
        "Too little is known here to tell late invoices apart on non-payment: how many of them stay unpaid "
        "follows the book's own rate by age",
        "On en sait trop peu ici pour départager les factures en retard quant à l'impayé : "
        "la part qui reste impayée suit le taux du portefeuille selon l'ancienneté",
    ),
]


@pytest.mark.parametrize(("cause", "evidence", "english", "french"), SENTENCES)
def test_sentences_worded_by_hand(cause, evidence, english, french):
    assert reason_text(cause, evidence, "en") == english
    assert thin(reason_text(cause, evidence, "fr")) == french


def test_delays_are_said_to_be_longer_where_the_history_counts_no_further():
    caps = {"cohort_mean_delay": COHORT_CAP_DAYS, "customer_last_delay": DELAY_CAP_DAYS}
    assert {cause: LONGEST_DELAYS[cause] for cause in caps} == caps


def test_dates_and_actions_hold_to_the_day_and_to_the_policy():
    assert phrase("column.declare_by", "fr") == "À déclarer au plus tard le"
    left = phrase("queue.declare_by", "fr", date=date(2025, 8, 3), left="encore 2 jours")
    assert left == "à déclarer au plus tard le 03/08/2025, encore 2 jours"
    assert phrase("action.notify_insurer", "fr").endswith("dans le délai prévu par la police")
    assert phrase("action.none", "en") == "Written off: recovery only"
    assert phrase("set_aside.payment_plan", "fr") == "Échéancier en cours"


def test_french_sets_marks_off_by_spaces_that_do_not_break():
    text = reason_text("customer_late_share", Evidence(0.5, "share", usual=0.2), "fr")
    assert f"50{THIN}%" in text
    assert f"{THIN}; la médiane" in text
    assert not any(mark in text for mark in (" ;", " :", " %"))


VALUES = {
    "days": (-40.2, -1, -0.4, 0, 1, 23.6),
    "share": (0, 0.004, 0.0849, 0.5, 1, 1.4),
    "count": (0, 1, 2, 2.4, 1200),
    "amount": (0, 0.4, 12.5, 1234567.8),
    "ratio": (0, 0.3, 1, 12.34),
    "date_part": (1, 2, 6),
    "flag": (0, 1),
    "any": (0, 1.5),
}


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("cause", sorted(causes()))
def test_every_cause_makes_a_clean_sentence_of_any_value(cause, language):
    unit = causes()[cause]
    detail = {None: None, "due_weekday": 3.0, "terms_days": 45.0}[detail_cause(cause)]
    for value in VALUES[unit]:
        for usual in (None, float("nan"), -3.0, 0.0, value):
            for window_days, last_count, count in ((None, None, None), (365, None, 1), (None, 5, 2)):
                evidence = Evidence(
                    value,
                    "ratio" if unit == "any" else unit,
                    window_days,
                    last_count,
                    count,
                    usual,
                    detail,
                    label="Indice",
                )
                text = reason_text(cause, evidence, language)
                assert text[0] == text[0].upper()
                assert text == text.strip()
                assert "  " not in text
                assert not set(text) & set("{}_")
                assert "nan" not in text
                assert not text.endswith((",", ".", ";"))


def test_a_value_is_rounded_once_and_never_to_minus_zero():
    assert [rounded(x, "share") for x in (0.0849, 0.1251, 0.99)] == [0.085, 0.13, 0.99]
    assert str(rounded(-0.2, "days")) == "0.0"
    for unit in ("days", "share", "count", "amount", "ratio"):
        for value in (0.04999, 0.0951, 0.1049, 2.45, 17.5):
            assert rounded(rounded(value, unit), unit) == rounded(value, unit)
