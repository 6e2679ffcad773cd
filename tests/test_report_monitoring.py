"""What a page and a terminal say of past scores: every check, in both languages, and nothing that runs."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from paydelay import Ledger, figures, load_config, monitor, score, train, write_monitoring_report
from paydelay.errors import ConfigError, TargetError
from paydelay.intervals import Interval
from paydelay.language import phrase
from paydelay.monitor import Check, Monitoring, Retraining
from paydelay.report import monitoring_page, print_monitoring
from paydelay.report.monitoring_content import check_name, retraining_sentences
from paydelay.simulate import SimulationSettings, simulate

TRAINED, AS_OF = date(2024, 4, 29), date(2024, 7, 22)
CONFIG = load_config(
    {
        "model": {"tree_count": 5, "learning_rate": 0.2, "leaf_rows_min": 20, "thread_count": 1},
        "monitor": {"rows_min": 60},
    }
)


@pytest.fixture(scope="module")
def found() -> Monitoring:
    book = simulate(SimulationSettings(customer_count=50, month_count=14, seed=3, daily_truth=False))
    ledger = Ledger.from_frames(book.invoices, book.payments, book.customers, book.events)
    model = train(ledger, TRAINED, CONFIG, force=True)
    past = [score(ledger, model, TRAINED + timedelta(days=7 * k), explain="none") for k in range(1, 9)]
    return monitor(ledger, past, AS_OF, model=model, config=CONFIG, retraining="always")


def printed(found: Monitoring, language: str) -> str:
    text = io.StringIO()
    print_monitoring(found, language, console=Console(file=text, width=160))
    return text.getvalue()


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_page_tells_every_check_and_loads_nothing(
    found: Monitoring, language: str, tmp_path: Path
) -> None:
    page = write_monitoring_report(tmp_path / "page.html", found, language=language).read_text("utf-8")
    assert page == monitoring_page(found, language=language)
    assert f'<html lang="{language}">' in page
    plain = page.replace("&#x27;", "'").replace("&amp;", "&")
    for check in found.made:
        assert check_name(check, language) in plain
        assert phrase(f"monitoring.means.{check.name}", language) in plain
    for sentence in retraining_sentences(found, language):
        assert sentence in plain
    assert phrase("monitoring.contacts_caveat", language) in plain
    assert not re.search(r"<script|https?://(?!www\.w3\.org)|src=", page)
    assert page.count("<svg") >= 2
    assert found.tables["features"]["feature"].to_list()[-1] in page


def test_the_terminal_tells_verdicts_and_what_could_not_be_judged(found: Monitoring) -> None:
    for language in ("en", "fr"):
        text = printed(found, language)
        for check in found.made:
            assert check_name(check, language) in text
    assert "Would" not in printed(found, "fr")


def test_an_alarm_and_the_feature_behind_it_are_named(found: Monitoring) -> None:
    alarm = Check(
        "feature_drift", None, "alarm", 700, 3.2, watch_at=0.6, alarm_at=0.8, subject="amount", count=2
    )
    rest = tuple(check for check in found.made if check.verdict == "ok" and check.name != "feature_drift")
    other = replace(found, made=(alarm, *rest))
    assert other.verdict == "alarm"
    for language, words in (
        ("en", "Alarm: Features: drift."),
        ("fr", "Alerte\u202f: Variables\u202f: dérive."),
    ):
        page = monitoring_page(other, language=language)
        assert words in page
        assert 'class="warning"' in page
        assert "amount (" in page
        assert words in printed(other, language)


def test_without_contacts_models_or_outcomes_the_page_says_so(found: Monitoring) -> None:
    none = tuple(
        replace(check, verdict="not_judged", value=None, subject=None, why="no_model") for check in found.made
    )
    bare = replace(
        found,
        made=none,
        contacts_known=False,
        tables={name: table.clear() if name != "realised" else table for name, table in found.tables.items()},
        retraining=Retraining("not_tried", None, 0, {}, {}),
        counts=found.counts | {"not_in_ledger": 1, "before_training": 2},
    )
    page = monitoring_page(bare)
    for key in ("contacts_unknown", "why.no_model", "retraining.not_tried", "overall.not_judged"):
        assert phrase(f"monitoring.{key}", "en") in page
    assert "1 is of an invoice that the ledger does not know" in page
    assert "2 were made by a model trained later" in page
    assert "<svg" not in page
    with pytest.raises(ConfigError):
        figures.realised(bare)


def test_the_advice_comes_with_its_evidence(found: Monitoring) -> None:
    gains = {
        "recalibrated": Interval(0.0421, 0.01, 0.08),
        "retrained": Interval(0.0911, 0.05, 0.13),
        "retrained_over_recalibrated": Interval(0.049, 0.02, 0.08),
    }
    tried = Retraining("retrain", date(2024, 6, 3), 400, dict.fromkeys(("scored", *gains), 0.5), gains)
    tried.log_loss.pop("retrained_over_recalibrated")
    first, over, _ = retraining_sentences(replace(found, retraining=tried), "en")
    assert "retrained on 2024-06-03 saves 0.0911" in first
    assert "0.0490 more than correcting" in over
    (first, *_) = retraining_sentences(replace(found, retraining=replace(tried, advice="recalibrate")), "fr")
    assert "0,0421" in first
    assert "0.0421" in monitoring_page(replace(found, retraining=tried))


def test_a_page_that_is_none_is_refused(found: Monitoring, tmp_path: Path) -> None:
    with pytest.raises(TargetError):
        write_monitoring_report(tmp_path / "page.txt", found)


def test_names_from_a_ledger_are_escaped(found: Monitoring) -> None:
    odd = found.tables["population"].with_columns(value=pl.lit("<script>"))
    page = monitoring_page(replace(found, tables=found.tables | {"population": odd}))
    assert "<script>" not in page
