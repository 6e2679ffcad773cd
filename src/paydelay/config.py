"""Settings: one frozen class per stage, every default stated once.

Units are part of the name (``*_days``, ``*_amount``, ``*_share``). A key that
is not known is refused: a misspelt setting that is silently ignored is worse
than none. The string below a setting is its documentation, which ``paydelay
config show`` and the JSON Schema repeat.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from paydelay.config_faults import read_settings, told
from paydelay.errors import ConfigError
from paydelay.language import phrase


class _Settings(BaseModel):
    # Strict: "7" is no number and 1 no flag, so that a file means what an editor says it does.
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, strict=True, use_attribute_docstrings=True
    )


class LedgerSettings(_Settings):
    """When an invoice counts as settled, and how late rows are recorded."""

    tolerance_amount: float = Field(default=1.0, ge=0)
    """Open amount, in the document's currency, that nobody would chase."""
    tolerance_share: float = Field(default=0.005, ge=0, lt=0.5)
    """The same as a share of the invoice's amount; the larger of the two counts."""
    recording_lag_days: int | None = Field(default=None, ge=0, le=365)
    """Days between a payment and its recording; measured in the ledger where null."""


class OutcomeSettings(_Settings):
    """What late and unpaid mean."""

    grace_days: int = Field(default=0, ge=0, le=60)
    """Days past due that are still called prompt."""
    unpaid_after_days: int = Field(default=90, ge=1, le=365)
    """Days past due after which an open invoice is called unpaid; more than grace_days."""

    @model_validator(mode="after")
    def _unpaid_is_later_than_late(self) -> Self:
        if self.unpaid_after_days <= self.grace_days:
            raise PydanticCustomError(
                "unpaid_within_grace",
                "unpaid_after_days is {unpaid}; give more than grace_days, {grace}",
                {"unpaid": str(self.unpaid_after_days), "grace": str(self.grace_days)},
            )
        return self


class PanelSettings(_Settings):
    """Which days the training panel looks at the book from."""

    step_days: int = Field(default=7, ge=1, le=92)
    """Days between two as_of dates. Seven keeps the weekday of scoring fixed."""
    history_days: int = Field(default=730, ge=60)
    """Days before the training date that training rows go back."""
    warm_up_days: int = Field(default=90, ge=0)
    """Days at the start of the ledger without rows: behaviour is not known yet."""


class ModelSettings(_Settings):
    """The booster, the delay curve, the calibration and the gate."""

    tree_count: int = Field(default=800, ge=1, le=10_000)
    """Most trees grown; how many are used is chosen by what happened later, half where nothing says."""
    learning_rate: float = Field(default=0.05, gt=0, le=1)
    """How far one tree moves the prediction; a smaller step takes more trees."""
    leaf_count: int = Field(default=63, ge=2, le=4096)
    """Most leaves of a tree, each with a value of its own."""
    depth_max: int = Field(default=8, ge=1, le=16)
    """Most splits between the root of a tree and a leaf."""
    leaf_rows_min: int = Field(default=100, ge=1)
    """Fewest training rows in a leaf."""
    feature_share: float = Field(default=0.6, gt=0, le=1)
    """Share of the features that one tree may split by, drawn anew for each."""
    bin_count: int = Field(default=63, ge=3, le=255)
    """Values a feature is cut into; fewer are faster."""
    row_share: float = Field(default=0.8, gt=0, le=1)
    """Share of the training rows that one tree is grown on, drawn anew for each."""
    l2_penalty: float = Field(default=5.0, ge=0)
    """How strongly the value of a leaf is drawn towards zero (L2); most where rows are few."""
    late_weight: float = Field(default=3.0, gt=0, le=1000)
    """How often the pairs that say who is late count when trees are grown; never in the calibration."""
    seed: int = Field(default=7, ge=0)
    """Seed of every draw in training; the same one gives the same model."""
    thread_count: int = Field(default=0, ge=0)
    """Threads of the booster; 0 takes half of the cores."""
    curve_cap_days: int = Field(default=180, ge=30, le=720)
    """Last horizon of the delay curve, in days past due; beyond it a stated tail."""
    calibration_days: int = Field(default=240, ge=14)
    """Days of the latest period, which calibrates and gates before the refit."""
    unpaid_positives_min: int = Field(default=50, ge=1)
    """Invoices still open at a horizon, below which the curve is pooled there."""


def booster_threads(thread_count: int) -> int:
    """Threads that LightGBM is given.

    Half of the cores unless told otherwise: its threads wait for each other at
    every tree, and where another process holds a core, two of them are several
    times slower than one.

    Parameters
    ----------
    thread_count : int
        As asked for; 0 leaves the choice here.

    Returns
    -------
    int
        At least 1.

    Examples
    --------
    >>> booster_threads(3)
    3
    """
    return thread_count or max(1, (os.cpu_count() or 1) // 2)


class LossSettings(_Settings):
    """What an unpaid invoice costs."""

    recovery_days: int = Field(default=365, ge=1)
    """Days after default in which cash received still counts."""
    lgd_prior: float = Field(default=0.6, ge=0, le=1)
    """Loss given default, as a share of the exposure, where the ledger holds too few defaults to say."""
    lgd_lost_prior: float = Field(default=0.9, ge=0, le=1)
    """The same of what was written off or caught in an insolvency."""
    lgd_prior_count: float = Field(default=20.0, ge=0)
    """How many defaults the prior weighs."""
    annual_cost_of_capital: float = Field(default=0.08, ge=0, lt=1)
    """Yearly rate at which money tied up in receivables is paid for."""
    cost_of_delay_cap_days: int = Field(default=180, ge=1)
    """Days open from as_of on beyond which no more waiting is counted."""
    recoverable_vat_deducted: bool = False
    """Whether the VAT that the state gives back on bad debts is taken off the exposure at default."""


class WorklistSettings(_Settings):
    """What the queue holds and how it is ordered."""

    due_soon_days: int = Field(default=7, ge=0)
    """An invoice due within so many days is in scope "due soon"."""
    reasons_max: int = Field(default=5, ge=1, le=5)
    """Reasons given per score."""
    claim_months: int = Field(default=2, ge=1, le=24)
    """Calendar months from the publication of an insolvency to the last day for declaring the claim."""


class BacktestSettings(_Settings):
    """Which past is replayed, and how it is judged."""

    fold_count: int = Field(default=4, ge=1, le=60)
    """Trainings, each on what was known on its day."""
    fold_days: int = Field(default=28, ge=1, le=366)
    """Days that each model scores before the next one is trained."""
    step_days: int = Field(default=7, ge=1, le=92)
    """Days between two books that are scored."""
    lead_days: int = Field(default=14, ge=0, le=366)
    """Days between the last book scored and the last outcome, in which its invoices may fall due."""
    history_min_days: int = Field(default=180, ge=60)
    """Days of ledger before the first training."""
    weekday: int = Field(default=0, ge=0, le=6)
    """Weekday of every book where step_days is whole weeks: 0 Monday to 6 Sunday."""
    window: Literal["sliding", "expanding"] = "sliding"
    """Training rows of each fold: the last panel.history_days, or all since the first day."""
    contact_count: int = Field(default=25, ge=1)
    """Invoices that collectors get round to per book, judged beside shares of the book."""
    leak_check_count: int = Field(default=3, ge=0, le=60)
    """Days of scoring on which every feature is compared with the ledger cut that day."""
    delay_cap_days: int = Field(default=30, ge=1, le=180)
    """Delays are judged up to so many days: only invoices due that long before the end have theirs."""
    replicate_count: int = Field(default=200, ge=20, le=10_000)
    """Draws behind each interval."""
    seed: int = Field(default=7, ge=0)
    """Seed of the draws and of the days checked for leaks."""


class TrackingSettings(_Settings):
    """Where runs are logged and models registered. Stays out of models and reports."""

    uri: str | None = Field(default=None, min_length=1)
    """Address of the MLflow store; MLFLOW_TRACKING_URI, else sqlite:///mlflow.db, where null."""
    experiment: str = Field(default="paydelay", min_length=1)
    """MLflow experiment that runs are logged in."""


class MonitorSettings(_Settings):
    """From where on a change since training is worth watching, or an alarm."""

    rows_min: int = Field(default=200, ge=20)
    """Past scores with a known outcome below which a check says nothing."""
    outcomes_min: int = Field(default=20, ge=2)
    """Fewest invoices among them that came late or went unpaid, and that did not."""
    weeks_min: int = Field(default=5, ge=2)
    """Fewest weeks in which they fell due: invoices of one week share its luck."""
    interval_level: float = Field(default=0.99, ge=0.5, le=0.9999)
    """Level of the intervals; high, since many checks are made each time."""
    watch_came_over_predicted: float = Field(default=1.1, gt=1, le=10)
    """Cases that came over those predicted, or the inverse, from which on to watch."""
    alarm_came_over_predicted: float = Field(default=1.25, gt=1, le=10)
    """Cases that came over those predicted, or the inverse, from which on to sound the alarm."""
    watch_slope_distance: float = Field(default=0.2, gt=0, le=1)
    """Distance of the calibration slope from 1 from which on to watch."""
    alarm_slope_distance: float = Field(default=0.4, gt=0, le=1)
    """Distance of the calibration slope from 1 from which on to sound the alarm."""
    watch_auc_fall: float = Field(default=0.03, gt=0, le=0.5)
    """Fall of the AUC since training from which on to watch."""
    alarm_auc_fall: float = Field(default=0.08, gt=0, le=0.5)
    """Fall of the AUC since training from which on to sound the alarm."""
    watch_captured_fall_share: float = Field(default=0.05, gt=0, le=1)
    """Share of the money that the first fifth should have held and did not, from which on to watch."""
    alarm_captured_fall_share: float = Field(default=0.12, gt=0, le=1)
    """Share of the money that the first fifth should have held and did not, for an alarm."""
    watch_psi: float = Field(default=0.1, gt=0, le=10)
    """Population stability index since training from which on to watch."""
    alarm_psi: float = Field(default=0.25, gt=0, le=10)
    """Population stability index since training from which on to sound the alarm."""
    watch_missing_change_share: float = Field(default=0.1, gt=0, le=1)
    """Change of the share of rows without a value from which on to watch."""
    alarm_missing_change_share: float = Field(default=0.25, gt=0, le=1)
    """Change of the share of rows without a value from which on to sound the alarm."""
    watch_times_usual: float = Field(default=2.0, ge=1, le=100)
    """Times the largest movement within the training period that is worth watching."""
    alarm_times_usual: float = Field(default=3.0, ge=1, le=100)
    """Times the largest movement within the training period that makes an alarm."""
    watch_new_customers_share: float = Field(default=0.1, gt=0, le=1)
    """Share of rows of new customers above the highest in training, from which on to watch."""
    alarm_new_customers_share: float = Field(default=0.25, gt=0, le=1)
    """Share of rows of new customers above the highest in training, for an alarm."""
    watch_coverage_share: float = Field(default=0.98, gt=0, le=1)
    """Share of the open invoices that the past scores hold, below which to watch."""
    alarm_coverage_share: float = Field(default=0.8, gt=0, le=1)
    """Share of the open invoices that the past scores hold, below which to sound the alarm."""


class Config(_Settings):
    """All settings of a run."""

    ledger: LedgerSettings = LedgerSettings()
    outcomes: OutcomeSettings = OutcomeSettings()
    panel: PanelSettings = PanelSettings()
    model: ModelSettings = ModelSettings()
    loss: LossSettings = LossSettings()
    worklist: WorklistSettings = WorklistSettings()
    backtest: BacktestSettings = BacktestSettings()
    tracking: TrackingSettings = TrackingSettings()
    monitor: MonitorSettings = MonitorSettings()

    def recorded(self) -> dict[str, Any]:
        """Settings that models and reports carry.

        Returns
        -------
        dict
            Without what belongs to a machine: its threads, and where it logs, whose address may
            hold a password.
        """
        return self.model_dump(exclude={"tracking": True, "model": {"thread_count"}})


def load_config(source: str | Path | dict[str, Any] | None = None, language: str = "en") -> Config:
    """Settings from a YAML file or a dict; what is not named keeps its default.

    Parameters
    ----------
    source : str, Path, dict or None
        A YAML file, a nested dict, or None for all defaults.
    language : str
        Language of what is said where the settings are refused.

    Returns
    -------
    Config
        Frozen settings.

    Raises
    ------
    ConfigError
        If the file cannot be read or holds a key twice, or a key is unknown, of another type
        or out of range.

    Examples
    --------
    >>> load_config({"outcomes": {"grace_days": 3}}).outcomes.grace_days
    3
    >>> load_config({"outcomes": {"grace_day": 3}})
    Traceback (most recent call last):
        ...
    paydelay.errors.ConfigError: outcomes.grace_day is not a setting; did you mean outcomes.grace_days?
    """
    if source is None:
        return Config()
    values = source if isinstance(source, dict) else read_settings(Path(source), language)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        said = told(error, Config, language)
    if not isinstance(source, dict):
        said = phrase("setting.in_file", language, file=Path(source).name, said=said)
    raise ConfigError(said)
