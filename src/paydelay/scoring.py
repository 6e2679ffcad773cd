"""The one path from a ledger and a model to the score table.

Library, command line, batch jobs and HTTP all score through :func:`score`, so that
they cannot disagree.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.config import Config, booster_threads, load_config
from paydelay.errors import ConfigError, LedgerError
from paydelay.explain import REASONS_DTYPE, contributions, fold_horizon, reasons, rule_reasons
from paydelay.features import CATALOGUE, Catalogue
from paydelay.history import History, customer_standing
from paydelay.language import languages
from paydelay.ledger import Ledger
from paydelay.loss import (
    LossTable,
    allocate_cash_on_account,
    allocate_cover,
    cost_of_delay,
    expected_days_open,
    expected_loss,
    exposure_at_default,
)
from paydelay.model import HORIZON_COLUMNS, DelayModel, horizon_matrix, lost_rows
from paydelay.panel import Panel, as_date, build_panel
from paydelay.worklist import (
    Order,
    claims_to_declare,
    pandas_frame,
    priority_rank,
    scope,
    set_aside_reason,
)

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

SCHEMA_VERSION = 1
EXPLAINED_TOP = 100
"""Rows whose reasons are given when only the top is asked for."""

Explained = Literal["all", "top", "none"] | int
Floats = NDArray[np.float64]

SCORE_SCHEMA: dict[str, Any] = {
    "invoice_id": pl.String,
    "customer_id": pl.String,
    "as_of": pl.Date,
    "issue_date": pl.Date,
    "due_date": pl.Date,
    "days_past_due": pl.Int32,
    "currency": pl.String,
    "open_amount": pl.Float64,
    "open_amount_reporting": pl.Float64,
    "prob_late": pl.Float64,
    "prob_late_30": pl.Float64,
    "prob_late_60": pl.Float64,
    "prob_unpaid": pl.Float64,
    "delay_median_days": pl.Int32,
    "delay_low_days": pl.Int32,
    "delay_high_days": pl.Int32,
    "expected_payment_date": pl.Date,
    "ead": pl.Float64,
    "covered_amount": pl.Float64,
    "lgd": pl.Float64,
    "expected_loss": pl.Float64,
    "cost_of_delay": pl.Float64,
    "value_at_stake": pl.Float64,
    "scope": pl.String,
    "set_aside": pl.String,
    "priority_rank": pl.UInt32,
    "reasons_late": REASONS_DTYPE,
    "reasons_unpaid": REASONS_DTYPE,
    "prob_unpaid_pooled": pl.Boolean,
    "model_version": pl.String,
    "schema_version": pl.Int32,
}
"""Columns of the score table, in order.

``prob_unpaid_pooled`` marks the rows whose ``prob_unpaid`` follows the book's own
rate by age, at least from the last horizon on that enough invoices reached open.
"""


@dataclass(frozen=True)
class Scores:
    """The score table of one book on one day.

    Parameters
    ----------
    frame : polars.DataFrame
        One row per open invoice, columns of ``SCORE_SCHEMA``.
    cash : polars.DataFrame
        ``customer_id`` and ``cash_on_account`` where there is some.
    claims : polars.DataFrame
        Claims to declare against insolvent customers, nearest deadline first.
    reporting_currency : str
        Currency of every amount but ``open_amount``.
    prob_unpaid_is_pooled : bool
        Whether the book holds too few unpaid invoices to tell customers apart.
    features : polars.DataFrame or None
        Feature row of each score, where it was asked to be kept.
    """

    frame: pl.DataFrame
    cash: pl.DataFrame
    claims: pl.DataFrame
    reporting_currency: str
    prob_unpaid_is_pooled: bool
    features: pl.DataFrame | None
    _explain: Callable[[Mapping[str, Any]], dict[str, Any]]

    def __len__(self) -> int:
        return self.frame.height

    def to_pandas(self) -> pd.DataFrame:
        """The score table as a pandas frame.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        MissingDependencyError
            If pandas or pyarrow is not installed.
        """
        return pandas_frame(self.frame)

    def explain(self, invoice_id: str) -> dict[str, Any]:
        """Every contribution to one invoice's scores.

        Parameters
        ----------
        invoice_id : str
            One of the scored invoices.

        Returns
        -------
        dict
            For ``late`` and ``unpaid``: ``probability`` (the table's), ``rule``,
            ``pooled``, ``horizon_days``, ``base`` and ``margin`` (log-odds before
            calibration), ``contributions`` (feature to log-odds, largest first; they
            and the base sum to the margin) and ``values``. Where a rule gives the
            score, such as ``rule_overdue``, ``rule`` names it, nothing contributes,
            and ``base`` and ``margin`` are None. ``pooled`` is True where the
            probability follows the book's own rate; what contributes is then told
            of ``horizon_days``, the last horizon that the customer's own curve
            reaches. Elsewhere the probability is the calibrated margin, or less
            where the curve is held flat.

        Raises
        ------
        LedgerError
            If the invoice is not among the scored ones.
        """
        row = self.frame["invoice_id"].index_of(invoice_id)
        if row is None:
            raise LedgerError(
                "That invoice is not among the scored ones; it is unknown, settled or not issued yet."
            )
        return self._explain({"row": row, **self.frame.row(row, named=True)})


def score(  # noqa: PLR0913 - all but the first three have defaults and are named
    ledger: Ledger,
    model: DelayModel,
    as_of: date | str,
    *,
    config: Config | None = None,
    language: str = "en",
    explain: Explained = "all",
    order: Order = "expected-loss",
    keep_features: bool = False,
    catalogue: Catalogue = CATALOGUE,
    covariates: Mapping[str, pl.DataFrame] | None = None,
) -> Scores:
    """Score every invoice open at the close of a day.

    Parameters
    ----------
    ledger : Ledger
        The books; nothing recorded after ``as_of`` is used.
    model : DelayModel
        Gives the delay curve.
    as_of : date or ISO str
        Day of scoring.
    config : Config, optional
        Its loss and worklist settings count, the model's own where None.
    language : {'en', 'fr'}
        Of the reasons.
    explain : {'all', 'top', 'none'} or int
        Whose reasons are given: ``"top"`` are the first ranked 100, a number so many.
    order : {'expected-loss', 'value-at-stake', 'late-value'}
        Value by which ``priority_rank`` counts.
    keep_features : bool
        Keep the feature row of each score.
    catalogue : Catalogue
        Holds the model's features; one's own included.
    covariates : mapping of str to polars.DataFrame, optional
        Dated tables of one's own that the features look up.

    Returns
    -------
    Scores
        Empty where no invoice is open.

    Raises
    ------
    FeatureMismatchError
        If the catalogue lacks a feature of the model.
    LedgerError
        If the ledger reports in another currency than the one the model learned in.
    ConfigError
        If a choice is unknown, or the config settles or calls late otherwise than the model.

    Examples
    --------
    >>> from paydelay import SimulationSettings, simulate, train
    >>> book = simulate(SimulationSettings(customer_count=40, month_count=14, seed=3))
    >>> ledger = Ledger.from_frames(book.invoices, book.payments)
    >>> few = load_config({"model": {"tree_count": 5, "thread_count": 1}})
    >>> scores = score(ledger, train(ledger, "2024-04-30", few, force=True), "2024-06-30")
    >>> len(scores), scores.frame.columns[:3]
    (66, ['invoice_id', 'customer_id', 'as_of'])
    """
    _check_call(ledger, model, explain, language)
    when = as_date(as_of)
    config = _settings(config, model)
    chosen = catalogue.select(model.feature_names)
    history = History.build(ledger, config.ledger, covariates)
    panel = build_panel(history, [when], chosen)
    standing = customer_standing(history, when)
    frame = _ranked(panel, model, standing, config, order)
    teller = _Teller(panel, model, chosen, language, ledger.reporting_currency, config.worklist.reasons_max)
    return Scores(
        frame=_score_table(frame, teller, _explained_rows(frame, explain), model),
        cash=standing.select("customer_id", "cash_on_account").filter(pl.col("cash_on_account") > 0),
        claims=claims_to_declare(panel.rows, config.worklist),
        reporting_currency=ledger.reporting_currency,
        prob_unpaid_is_pooled=model.unpaid_is_pooled,
        features=_feature_rows(panel) if keep_features else None,
        _explain=teller.explain,
    )


def _check_call(ledger: Ledger, model: DelayModel, explain: Explained, language: str) -> None:
    """Refuse what would end in wrong scores, or in an error after all the work."""
    # True and False are numbers to Python, and nobody means one row by them.
    is_count = isinstance(explain, int) and not isinstance(explain, bool) and explain >= 0
    if not is_count and explain not in ("all", "top", "none"):
        raise ConfigError(f"Reasons are given for all, top, none or a number of rows, not for '{explain}'.")
    if language not in languages():
        raise ConfigError(f"The language '{language}' is unknown; give one of {', '.join(languages())}.")
    learned = model.manifest.get("reporting_currency", ledger.reporting_currency)
    if ledger.invoices.height and ledger.reporting_currency != learned:
        raise LedgerError(
            f"The ledger reports in {ledger.reporting_currency} and the model learned from amounts in "
            f"{learned}; state that reporting currency, with rates, or train a model on this ledger."
        )


def _settings(config: Config | None, model: DelayModel) -> Config:
    """The settings asked for, with what counts as settled and as late as the model learned it."""
    trained = load_config(model.manifest.get("config", {}))
    if config is None:
        return trained
    for stage in ("ledger", "outcomes"):
        asked, learned = getattr(config, stage), getattr(trained, stage)
        for name in sorted(asked.model_fields_set):
            if getattr(asked, name) != getattr(learned, name):
                raise ConfigError(
                    f"The setting {stage}.{name} is {getattr(asked, name)} and the model was trained with "
                    f"{getattr(learned, name)}; leave it out, or train a model with it."
                )
    return config.model_copy(update={"ledger": trained.ledger, "outcomes": trained.outcomes})


def _ranked(
    panel: Panel, model: DelayModel, standing: pl.DataFrame, config: Config, order: Order
) -> pl.DataFrame:
    """Every row with its probabilities, money, scope and place in the queue."""
    frame = _probabilities(panel, model, config.loss.cost_of_delay_cap_days)
    frame = _money(frame, panel, model, standing, config)
    frame = frame.with_columns(scope(config.worklist.due_soon_days), set_aside=set_aside_reason())
    return frame.with_columns(priority_rank=priority_rank(order))


def _score_table(
    frame: pl.DataFrame, teller: _Teller, explained: NDArray[np.int64], model: DelayModel
) -> pl.DataFrame:
    """The columns of the score table, in order and type."""
    told = frame.with_columns(
        reasons_late=teller.reasons("late", explained),
        reasons_unpaid=teller.reasons("unpaid", explained),
        prob_unpaid_pooled=teller.pooled("unpaid"),
        model_version=pl.lit(model.version),
        schema_version=pl.lit(SCHEMA_VERSION),
    )
    logger.info("score: %d open invoices, %d set aside", frame.height, frame["set_aside"].count())
    return told.select([pl.col(name).cast(dtype) for name, dtype in SCORE_SCHEMA.items()])


def _probabilities(panel: Panel, model: DelayModel, cap_days: int) -> pl.DataFrame:
    """Identity, probabilities and delays of each row; ``days_open``, up to the cap, is for the money."""
    outcomes = model.manifest["outcomes"]
    overdue = panel.rows["days_past_due"].to_numpy()
    curve = model.survival(panel)
    at = {
        "prob_late": outcomes["grace_days"],
        "prob_late_30": 30,
        "prob_late_60": 60,
        "prob_unpaid": outcomes["unpaid_after_days"],
    }
    probabilities = {name: model.open_share_at(curve, overdue, float(days)) for name, days in at.items()}
    quantiles = {"delay_median_days": 0.5, "delay_low_days": 0.9, "delay_high_days": 0.1}
    delays = {
        name: pl.Series(model.delay_quantile(curve, overdue, share, lost_rows(panel)))
        .fill_nan(None)
        .cast(pl.Int32)
        for name, share in quantiles.items()
    }
    days_open = expected_days_open(
        curve, np.array(model.horizons_days), overdue, cap_days, model.pooled.tail_rate
    )
    # Of what is lost beyond the last horizon the curve cannot tell.
    days_open[lost_rows(panel)] = cap_days
    return panel.rows.with_columns(
        **{k: pl.Series(v) for k, v in probabilities.items()}, **delays
    ).with_columns(
        days_open=pl.Series(days_open),
        expected_payment_date=pl.col("due_date") + pl.duration(days=pl.col("delay_median_days")),
    )


def _money(
    frame: pl.DataFrame, panel: Panel, model: DelayModel, standing: pl.DataFrame, config: Config
) -> pl.DataFrame:
    """Exposure, cover, loss and cost of delay of each row."""
    cash = allocate_cash_on_account(panel.rows, standing.select("customer_id", "cash_on_account"))
    ead = exposure_at_default(panel.rows, cash, config.loss)
    covered = allocate_cover(panel.rows, ead, standing)
    lgd = LossTable.from_dict(model.manifest["loss_table"]).lgd_at(panel.rows["days_past_due"])
    unpaid = frame["prob_unpaid"].to_numpy()
    loss = expected_loss(unpaid, lgd, ead, covered)
    delay = cost_of_delay(frame["days_open"].to_numpy(), unpaid, lgd, ead, config.loss)
    return frame.with_columns(
        cash_allocated=cash.allocated,
        ead=ead,
        covered_amount=covered,
        lgd=pl.Series(lgd),
        expected_loss=pl.Series(loss),
        cost_of_delay=pl.Series(delay),
        value_at_stake=pl.Series(loss + delay),
    )


def _explained_rows(frame: pl.DataFrame, explain: Explained) -> NDArray[np.int64]:
    """Positions of the rows whose reasons are given."""
    if explain == "none":
        return np.empty(0, np.int64)
    if explain == "all":
        return np.arange(frame.height, dtype=np.int64)
    within = frame["priority_rank"] <= (EXPLAINED_TOP if explain == "top" else explain)
    return np.flatnonzero(within.fill_null(value=False).to_numpy())


def _feature_rows(panel: Panel) -> pl.DataFrame:
    columns = {name: panel.X[:, number] for number, name in enumerate(panel.feature_names)}
    return pl.DataFrame({"invoice_id": panel.rows["invoice_id"], "as_of": panel.rows["as_of"], **columns})


class _Teller:
    """Says why the scores of a panel are what they are."""

    def __init__(
        self,
        panel: Panel,
        model: DelayModel,
        catalogue: Catalogue,
        language: str,
        currency: str,
        limit: int,
    ) -> None:
        self._panel, self._model = panel, model
        self._catalogue = catalogue
        self._language, self._currency, self._limit = language, currency, limit
        outcomes = model.manifest["outcomes"]
        unpaid = outcomes["unpaid_after_days"]
        # A pooled curve follows the individual one up to its last supported horizon.
        self._horizon = {"late": outcomes["grace_days"], "unpaid": min(unpaid, model.pooled.supported_days)}
        self._asked = {"late": outcomes["grace_days"], "unpaid": unpaid}
        self._usual = {name: value for name, value in model.manifest["usual"].items() if value is not None}

    def _contributions(self, which: str, rows: NDArray[np.int64]) -> tuple[Floats, Floats]:
        X = self._panel.matrix(self._model.feature_names)[rows]
        matrix = horizon_matrix(X, self._model.feature_names, np.array(self._horizon[which]))
        phi, base = contributions(
            self._model.booster, matrix, thread_count=booster_threads(self._model.thread_count)
        )
        width = X.shape[1]
        return fold_horizon(phi, base, range(width, width + len(HORIZON_COLUMNS)))

    def _rules(self, which: str, rows: NDArray[np.int64]) -> list[str | None]:
        """Rule that gives each row's score, None where the model does."""
        overdue = pl.col("days_past_due")
        pooled = which == "unpaid" and self._model.unpaid_is_pooled
        rule = (
            pl.when(pl.col("written_off"))
            .then(pl.lit("rule_written_off"))
            .when(pl.col("insolvent_on").is_not_null())
            .then(pl.lit("rule_insolvent"))
            .when(overdue >= self._asked[which])
            .then(pl.lit("rule_overdue"))
            .when(pl.lit(pooled) & (overdue >= self._horizon[which]))
            .then(pl.lit("pooled_unpaid"))
        )
        return self._panel.rows[rows].select(rule=rule)["rule"].to_list()

    def pooled(self, which: str) -> pl.Series:
        """Whether each row's score follows the book's own rate, at least in part."""
        if which != "unpaid" or not self._model.unpaid_is_pooled:
            return pl.Series("pooled", np.zeros(len(self._panel), np.bool_))
        ruled = self._rules(which, np.arange(len(self._panel), dtype=np.int64))
        return pl.Series("pooled", [rule in (None, "pooled_unpaid") for rule in ruled], dtype=pl.Boolean)

    def reasons(self, which: str, rows: NDArray[np.int64]) -> pl.Series:
        """Reasons of the given rows; an empty list for every other."""
        ruled = self._rules(which, rows)
        free = np.array([rule is None for rule in ruled], np.bool_)
        others = np.setdiff1d(np.arange(len(self._panel)), rows)
        days = self._panel.rows["days_past_due"].to_numpy()[rows[~free]]
        by_rule = rule_reasons([rule for rule in ruled if rule], days, self._language)
        told = [
            self._by_model(which, rows[free]),
            by_rule,
            pl.Series("reasons", [[] for _ in others], dtype=REASONS_DTYPE),
        ]
        place = np.argsort(np.concatenate([rows[free], rows[~free], others]), kind="stable")
        return pl.concat(told).gather(place)

    def _by_model(self, which: str, rows: NDArray[np.int64]) -> pl.Series:
        """Reasons the trees give; where the score is pooled in part, that comes first."""
        if not len(rows):
            return pl.Series("reasons", [], dtype=REASONS_DTYPE)
        pooled = which == "unpaid" and self._model.unpaid_is_pooled
        phi, _ = self._contributions(which, rows)
        X = self._catalogue.observed(self._panel.matrix(self._model.feature_names)[rows])
        limit = self._limit - 1 if pooled else self._limit
        found = reasons(phi, X, self._catalogue.features, self._usual, self._language, limit, self._currency)
        if not pooled:
            return found
        note = rule_reasons(["pooled_unpaid"] * len(rows), np.zeros(len(rows), np.int64), self._language)
        both = pl.DataFrame({"note": note, "found": found})
        return both.select(reasons=pl.concat_list("note", "found"))["reasons"]

    def explain(self, scored: Mapping[str, Any]) -> dict[str, Any]:
        """Contributions of one row of the score table, whose place is its ``row``, for both scores."""
        at = np.array([scored["row"]], np.int64)
        names = self._model.feature_names
        values = dict(zip(names, self._panel.X[scored["row"]].tolist(), strict=True))
        told: dict[str, Any] = {}
        for which, horizon in self._horizon.items():
            told[which] = {
                "probability": scored[f"prob_{which}"],
                "rule": self._rules(which, at)[0],
                "pooled": which == "unpaid" and scored["prob_unpaid_pooled"],
                "horizon_days": horizon,
                "base": None,
                "margin": None,
                "contributions": {},
                "values": values,
            }
            if told[which]["rule"] is None:
                phi, base = self._contributions(which, at)
                order = np.argsort(-np.abs(phi[0]), kind="stable")
                told[which] |= {
                    "base": float(base[0]),
                    "margin": float(phi.sum() + base[0]),
                    "contributions": {names[column]: float(phi[0, column]) for column in order},
                }
        return told
