"""The one call that holds past scores against what came and against the training period."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from paydelay.backtest.judging import SCORER
from paydelay.backtest.tables import reliability
from paydelay.backtest.verdict import plain
from paydelay.config import BacktestSettings, Config, MonitorSettings, load_config
from paydelay.errors import ConfigError
from paydelay.features import CATALOGUE, Catalogue
from paydelay.files import replacing_file
from paydelay.language import phrase
from paydelay.ledger import Ledger
from paydelay.model import DelayModel
from paydelay.monitor.books import PastBooks, past_books
from paydelay.monitor.drift import (
    FEATURE_SCHEMA,
    coverage_check,
    feature_checks,
    feature_table,
    overall,
    population_checks,
    score_check,
)
from paydelay.monitor.past_scores import Source, past_scores
from paydelay.monitor.realised import Realised, by_contact, by_day, realised, realised_checks
from paydelay.monitor.retraining import Retraining, nothing_tried, try_retraining
from paydelay.monitor.verdicts import Check, Verdict
from paydelay.outcomes import require_recorded
from paydelay.panel import as_date
from paydelay.preflight import pandas_frame

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

SCHEMA_VERSION = 1
OUTCOMES = ("late", "unpaid")
Trying = Literal["auto", "always", "never"]
"""When a newer model is tried: only where a check is not ok, in any case, or not at all."""
_CHECK_SCHEMA = {
    "check": pl.String,
    "outcome": pl.String,
    "verdict": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "watch_at": pl.Float64,
    "alarm_at": pl.Float64,
    "row_count": pl.Int64,
    "subject": pl.String,
    "count": pl.Int64,
    "why": pl.String,
    "meaning": pl.String,
}
_POPULATION_SCHEMA = {
    "kind": pl.String,
    "value": pl.String,
    "share_then": pl.Float64,
    "share_now": pl.Float64,
}
_CONTACT_SCHEMA = {
    "outcome": pl.String,
    "contacted": pl.Boolean,
    "row_count": pl.Int64,
    "predicted_share": pl.Float64,
    "came_share": pl.Float64,
    "ratio": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
_BIN_SCHEMA = {
    "outcome": pl.String,
    "up_to": pl.Float64,
    "share_then": pl.Float64,
    "share_now": pl.Float64,
}
_DRIFT_NAMES = ("feature_drift", "missing_values", "new_customers", "currency", "terms_days")


@dataclass(frozen=True)
class Monitoring:
    """What became of past scores, and what has changed since the model was trained.

    Parameters
    ----------
    as_of : date
        Day by what was known on which all is judged.
    first, last : date
        Days of the first and the last scores looked at.
    model_versions : tuple of str
        Of the past scores.
    trained_as_of : date or None
        Training of the model they are held against.
    made : tuple of Check
        Every check; :attr:`checks` is the same as a table.
    counts : dict of str to int
        Rows ``read``, left out (``after_as_of``, ``before_training``, ``not_in_ledger``), ``kept``,
        and open invoices that were ``not_scored``.
    tables : dict of str to polars.DataFrame
        ``realised``, ``reliability``, ``days``, ``contacts``, ``features``, ``score_bins``,
        ``population``; empty where nothing can be told.
    retraining : Retraining
        Whether a newer model would have said it better.
    contacts_known : bool
        Whether the ledger tells of contacts with customers since the first scores.
    settings : MonitorSettings
    reporting_currency : str
    """

    as_of: date
    first: date
    last: date
    model_versions: tuple[str, ...]
    trained_as_of: date | None
    made: tuple[Check, ...] = field(repr=False)
    counts: dict[str, int]
    tables: dict[str, pl.DataFrame] = field(repr=False)
    retraining: Retraining = field(repr=False)
    contacts_known: bool
    settings: MonitorSettings = field(repr=False)
    reporting_currency: str

    @property
    def verdict(self) -> Verdict:
        """The worst of all checks."""
        return overall(list(self.made))

    @property
    def checks(self) -> pl.DataFrame:
        """One row per check: what, its verdict, value, interval, limits, rows and what it means."""
        rows = [
            {"check": check.name}
            | {each.name: getattr(check, each.name) for each in fields(Check)[1:]}
            | {"meaning": phrase(f"monitoring.means.{check.name}", "en")}
            for check in self.made
        ]
        return pl.DataFrame(rows, schema=_CHECK_SCHEMA, orient="row")

    def to_pandas(self) -> dict[str, pd.DataFrame]:
        """Checks and tables as pandas frames.

        Returns
        -------
        dict of str to pandas.DataFrame
            Those of ``tables`` by name, and ``checks``.

        Raises
        ------
        MissingDependencyError
            If pandas or pyarrow is not installed.
        """
        return {name: pandas_frame(rows) for name, rows in (self.tables | {"checks": self.checks}).items()}

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain values for JSON.

        Returns
        -------
        dict
            ``schema_version``, ``verdict``, ``as_of``, ``checks``, ``retraining``, ``counts``,
            ``tables`` (each a list of rows) and what was held against what.
        """
        return {
            "schema_version": SCHEMA_VERSION,
            "verdict": self.verdict,
            "as_of": self.as_of.isoformat(),
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "model_versions": list(self.model_versions),
            "trained_as_of": plain(self.trained_as_of),
            "reporting_currency": self.reporting_currency,
            "checks": plain(self.checks.to_dicts()),
            "retraining": self.retraining.to_dict(),
            "contacts_known": self.contacts_known,
            "counts": dict(self.counts),
            "settings": self.settings.model_dump(),
            "tables": {name: plain(table.to_dicts()) for name, table in self.tables.items()},
        }

    def write_json(self, path: str | Path) -> Path:
        """Write :meth:`to_dict` to a file that is there in whole or not at all.

        Parameters
        ----------
        path : str or Path
            The file.

        Returns
        -------
        Path
            The file.
        """
        with replacing_file(Path(path)) as draft:
            draft.write((json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n").encode())
        return Path(path)


def monitor(
    ledger: Ledger,
    scores: Source | Sequence[Source],
    as_of: date | str,
    *,
    model: DelayModel | None = None,
    config: Config | None = None,
    retraining: Trying = "auto",
    catalogue: Catalogue = CATALOGUE,
    covariates: Mapping[str, pl.DataFrame] | None = None,
) -> Monitoring:
    """Hold past scores against what came since, and their books against the training period.

    Parameters
    ----------
    ledger : Ledger
        The books; nothing recorded after ``as_of`` is used.
    scores : str, Path, polars.DataFrame, Scores, or a sequence of these
        Past scores by invoice: files that ``paydelay score --out`` wrote, folders of them, or
        tables.
    as_of : date or ISO str
        Day of monitoring. Outcomes count from the day they are known whatever they are.
    model : DelayModel, optional
        The one that scored. Its training period is what drift is measured from; without it
        there are only the checks of what came.
    config : Config, optional
        Its ``monitor`` settings count, and without a model those of ``ledger`` and ``outcomes``.
    retraining : {'auto', 'always', 'never'}
        When a model is retrained as of the middle of the period to see what it gains: only
        where a check is not ok, in any case, or not at all.
    catalogue : Catalogue
        Holds the model's features; one's own included.
    covariates : mapping of str to polars.DataFrame, optional
        Dated tables of one's own that the features look up.

    Returns
    -------
    Monitoring

    Raises
    ------
    ScoresError
        If the past scores are no score tables by invoice, or none of them can be used.
    ImmatureOutcomeError
        If ``as_of`` lies beyond what the ledger records.
    LedgerError
        If the ledger reports in another currency than the model learned in.
    ConfigError
        If ``retraining`` is none of the words.

    Examples
    --------
    >>> from paydelay import SimulationSettings, load_config, score, simulate, train
    >>> book = simulate(SimulationSettings(customer_count=40, month_count=14, seed=3))
    >>> ledger = Ledger.from_frames(book.invoices, book.payments)
    >>> few = load_config({"model": {"tree_count": 5, "thread_count": 1}})
    >>> model = train(ledger, "2024-04-30", few, force=True)
    >>> past = [score(ledger, model, day, explain="none") for day in ("2024-05-07", "2024-05-14")]
    >>> found = monitor(ledger, past, "2024-06-30", model=model, retraining="never")
    >>> found.checks.filter(check="coverage")["verdict"].item()
    'ok'
    """
    if retraining not in ("auto", "always", "never"):
        raise ConfigError(f"Retraining is tried auto, always or never, not '{retraining}'.")
    when, past, asked = as_date(as_of), past_scores(scores), config or Config()
    if model is not None:
        model.require_currency(ledger.reporting_currency)
    require_recorded(ledger, when)
    return _monitored(ledger, past, when, model, asked, retraining, (catalogue, covariates))


def _monitored(
    ledger: Ledger,
    past: pl.DataFrame,
    when: date,
    model: DelayModel | None,
    asked: Config,
    retraining: Trying,
    read: tuple[Catalogue, Mapping[str, pl.DataFrame] | None],
) -> Monitoring:
    """The checks, and a newer model where one is asked for; what is read of a ledger is given as a pair."""
    catalogue, covariates = read
    learned = asked if model is None else load_config(model.manifest.get("config", {}))
    chosen = (
        catalogue.select(("settled_count_all",))
        if model is None
        else model.chosen_from(catalogue, covariates)
    )
    books = past_books(ledger, past, when, learned, chosen, covariates, _training_period(model))
    days = {"late": learned.outcomes.grace_days, "unpaid": learned.outcomes.unpaid_after_days}
    checks, tables, late = _checked(books, model, chosen, days, asked.monitor)
    tried = nothing_tried()
    if model is not None and (retraining == "always" or (retraining == "auto" and _is_told(checks))):
        tried = try_retraining(ledger, model, books, late, learned, asked.monitor, chosen, covariates)
    logger.info("monitor: %d checks of %d past scores", len(checks), len(books))
    return Monitoring(
        as_of=when,
        first=books.scores["as_of"][0],
        last=books.scores["as_of"][-1],
        model_versions=tuple(books.scores["model_version"].unique().drop_nulls().sort().to_list()),
        trained_as_of=None if model is None else date.fromisoformat(model.manifest["trained_as_of"]),
        made=tuple(checks),
        counts=books.counts,
        tables=tables,
        retraining=tried,
        contacts_known=books.contacted(days["unpaid"]) is not None,
        settings=asked.monitor,
        reporting_currency=ledger.reporting_currency,
    )


def _checked(
    books: PastBooks,
    model: DelayModel | None,
    catalogue: Catalogue,
    days: Mapping[str, int],
    settings: MonitorSettings,
) -> tuple[list[Check], dict[str, pl.DataFrame], Realised]:
    """Every check, every table, and the rows whose being late is known."""
    profile = {} if model is None else model.manifest.get("profile", {})
    checks, tables, late = _of_outcomes(books, profile, days, settings)
    more, drift = _of_drift(books, profile, catalogue, days, settings, known=model is not None)
    return [*checks, *more, coverage_check(books, settings)], tables | drift, late


def _training_period(model: DelayModel | None) -> tuple[date, date] | None:
    """First and last day of the panel that a model was trained on."""
    profile = {} if model is None else model.manifest.get("profile", {})
    return (date.fromisoformat(profile["first"]), date.fromisoformat(profile["last"])) if profile else None


def _is_told(checks: Sequence[Check]) -> bool:
    return any(check.verdict in ("watch", "alarm") for check in checks)


def _of_outcomes(
    books: PastBooks, profile: dict[str, Any], days: Mapping[str, int], settings: MonitorSettings
) -> tuple[list[Check], dict[str, pl.DataFrame], Realised]:
    """Checks of what came, and the tables behind them."""
    checks, figures, contacts, bins, by_book = [], [], [], [], []
    found = {outcome: realised(books, outcome, days[outcome]) for outcome in OUTCOMES}
    for outcome, rows in found.items():
        then = profile.get("scores", {}).get(outcome, {}).get("figures", {})
        made, told = realised_checks(rows, then, settings)
        checks += made
        figures.append(told | _waiting(books, rows, days[outcome]))
        contacts += by_contact(rows, settings)
        by_book.append(by_day(rows))
        if len(rows.judged) >= settings.rows_min:
            table = reliability(rows.judged, SCORER[outcome], BacktestSettings())
            bins.append(table.insert_column(0, pl.lit(outcome).alias("outcome")))
    tables = {
        "realised": pl.DataFrame(figures, infer_schema_length=None),
        "contacts": pl.DataFrame(contacts, schema=_CONTACT_SCHEMA, orient="row"),
        "days": pl.concat(by_book),
        "reliability": pl.concat(bins) if bins else pl.DataFrame(schema={"outcome": pl.String}),
    }
    return checks, tables, found["late"]


def _waiting(books: PastBooks, rows: Realised, days: int) -> dict[str, int]:
    """How many past scores wait for their outcome; the others were decided when they were made."""
    due = books.outcomes.due_day[books.panel.invoice]
    waiting = int((due > books.outcomes.mature_until(days)).sum())
    return {"waiting_count": waiting, "decided_count": len(books) - waiting - len(rows.judged)}


def _of_drift(
    books: PastBooks,
    profile: dict[str, Any],
    catalogue: Catalogue,
    days: Mapping[str, int],
    settings: MonitorSettings,
    known: bool,
) -> tuple[list[Check], dict[str, pl.DataFrame]]:
    """Checks of what has moved since training, and the tables behind them."""
    names = {"features": FEATURE_SCHEMA, "score_bins": _BIN_SCHEMA, "population": _POPULATION_SCHEMA}
    if not profile:
        why = "no_profile" if known else "no_model"
        checks = [Check("score_drift", outcome, "not_judged", 0, why=why) for outcome in OUTCOMES]
        checks += [Check(name, None, "not_judged", 0, why=why) for name in _DRIFT_NAMES]
        return checks, {name: pl.DataFrame(schema=schema) for name, schema in names.items()}
    checks, bins = [], []
    for outcome in OUTCOMES:
        check, rows = score_check(books, profile, outcome, days[outcome], settings)
        checks.append(check)
        bins += rows
    features = feature_table(books, profile, catalogue, settings)
    more, population = population_checks(books, profile, settings)
    checks += [*feature_checks(features, len(books.every)), *more]
    rows_of = {"score_bins": bins, "population": population}
    return checks, {"features": features} | {
        name: pl.DataFrame(rows, schema=names[name], orient="row") for name, rows in rows_of.items()
    }
