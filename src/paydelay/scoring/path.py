"""The one path from a ledger and a model to the score table.

Library, command line, batch jobs and HTTP all score through :func:`score`, so that
they cannot disagree.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.config import Config, load_config
from paydelay.errors import ConfigError
from paydelay.features import CATALOGUE, Catalogue
from paydelay.history import History, customer_standing, cut_ledger, rates_at, warn_if_stale
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
from paydelay.model import DelayModel, lost_rows
from paydelay.panel import Panel, as_date, build_panel
from paydelay.scoring.keeping import Origin, feature_rows
from paydelay.scoring.table import SCHEMA_VERSION, SCORE_SCHEMA, Scores
from paydelay.scoring.teller import Teller, Telling
from paydelay.worklist import Order, agreements, claims_to_declare, priority_rank, scope, set_aside_reason

logger = logging.getLogger(__name__)

EXPLAINED_TOP = 100
"""Rows whose reasons are given when only the top is asked for."""

Explained = Literal["all", "top", "none"] | int


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
        Day of scoring; a StaleBooksWarning is given where the books end more than 31 days before.
    config : Config, optional
        Its loss and worklist settings count, the model's own where None.
    language : {'en', 'fr'}
        Of the reasons.
    explain : {'all', 'top', 'none'} or int
        Whose reasons are given, of invoices and of customers: "top" are the first 100.
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
    >>> len(score(ledger, train(ledger, "2024-04-30", few, force=True), "2024-06-30"))
    66
    """
    _check_call(ledger, model, explain, language)
    when, config, chosen = as_date(as_of), _settings(config, model), model.chosen_from(catalogue, covariates)
    warn_if_stale(ledger, when, language)
    history, known = History.build(ledger, config.ledger, covariates), cut_ledger(ledger, when)
    panel, standing = build_panel(history, [when], chosen), customer_standing(history, when)
    frame, count = _ranked(panel, known, model, standing, config, order), _explained_count(explain)
    teller = Teller(panel, model, chosen, frame["prob_unpaid"], _telling(ledger, config, language))
    return Scores(
        frame=_score_table(frame, teller, _explained_rows(frame, explain), model),
        cash=standing.select("customer_id", "cash_on_account").filter(pl.col("cash_on_account") > 0),
        claims=claims_to_declare(panel.rows, config.worklist),
        reporting_currency=ledger.reporting_currency,
        prob_unpaid_is_pooled=model.unpaid_is_pooled,
        features=feature_rows(panel) if keep_features else None,
        explained_count=count,
        _teller=teller,
        _origin=Origin(when, known, covariates, model, config, chosen, panel, order, language, count),
    )


def _telling(ledger: Ledger, config: Config, language: str) -> Telling:
    return Telling(language, ledger.reporting_currency, config.worklist.reasons_max)


def _check_call(ledger: Ledger, model: DelayModel, explain: Explained, language: str) -> None:
    """Refuse what would end in wrong scores, or in an error after all the work."""
    # True and False are numbers to Python, and nobody means one row by them.
    is_count = isinstance(explain, int) and not isinstance(explain, bool) and explain >= 0
    if not is_count and explain not in ("all", "top", "none"):
        raise ConfigError(f"Reasons are given for all, top, none or a number of rows, not for '{explain}'.")
    if language not in languages():
        raise ConfigError(f"The language '{language}' is unknown; give one of {', '.join(languages())}.")
    if ledger.invoices.height:
        model.require_currency(ledger.reporting_currency)


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
    panel: Panel,
    known: Ledger,
    model: DelayModel,
    standing: pl.DataFrame,
    config: Config,
    order: Order,
) -> pl.DataFrame:
    """Every row with its probabilities, money, scope and place in the queue."""
    frame = _probabilities(panel, model, config.loss.cost_of_delay_cap_days)
    frame = _money(frame, panel, model, standing, config)
    payments = _in_reporting_currency(known, panel.rows["as_of"])
    frame = frame.with_columns(agreements(panel.rows, known.events, payments, config.ledger))
    frame = frame.with_columns(scope(config.worklist.due_soon_days), set_aside=set_aside_reason())
    return frame.with_columns(priority_rank=priority_rank(order))


def _in_reporting_currency(known: Ledger, as_of: pl.Series) -> pl.DataFrame:
    """Payments of a ledger of several currencies, also at the last rate known."""
    if known.rates.is_empty() or not len(as_of):
        return known.payments
    currency = known.invoices.select("invoice_id", "currency")
    payments = known.payments.join(currency, on="invoice_id", how="left", maintain_order="left")
    payments = payments.with_columns(pl.col("currency").fill_null(known.reporting_currency))
    asked = payments.select("currency", rate_date=pl.lit(as_of[0]))
    return payments.with_columns(amount_reporting=pl.col("amount") * pl.Series(rates_at(known, asked)))


def _score_table(
    frame: pl.DataFrame, teller: Teller, explained: NDArray[np.int64], model: DelayModel
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
    lost = lost_rows(panel)
    median, ends = model.delay_quantile(curve, overdue, 0.5, lost), model.delay_interval(curve, overdue, lost)
    named = zip(("delay_median_days", "delay_low_days", "delay_high_days"), (median, *ends), strict=True)
    delays = {name: pl.Series(days).fill_nan(None).cast(pl.Int32) for name, days in named}
    days_open = expected_days_open(
        curve, np.array(model.horizons_days), overdue, cap_days, model.pooled.tail_rate
    )
    # Of what is lost beyond the last horizon the curve cannot tell.
    days_open[lost] = cap_days
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
    rows = panel.rows
    lost_on = pl.min_horizontal("written_off_on", "insolvent_on")
    since_loss = rows.select((pl.col("as_of") - lost_on).dt.total_days().cast(pl.Float64)).to_series()
    table = LossTable.from_dict(model.manifest["loss_table"])
    lgd = table.lgd_at(rows["days_past_due"], since_loss.fill_null(float("nan")))
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
    count = _explained_count(explain)
    if count is None:
        return np.arange(frame.height, dtype=np.int64)
    within = frame["priority_rank"] <= count
    return np.flatnonzero(within.fill_null(value=False).to_numpy())


def _explained_count(explain: Explained) -> int | None:
    """How many rows have reasons, None for all."""
    if isinstance(explain, int):
        return explain
    return {"all": None, "top": EXPLAINED_TOP, "none": 0}[explain]
