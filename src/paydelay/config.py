"""Settings: one frozen class per stage, every default stated once.

Units are part of the name (``*_days``, ``*_amount``, ``*_share``). A key that
is not known is refused: a misspelt setting that is silently ignored is worse
than none.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from paydelay.errors import ConfigError


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LedgerSettings(_Settings):
    """When an invoice counts as settled, and how late rows are recorded."""

    tolerance_amount: float = Field(default=1.0, ge=0)
    """Open amount, in the document's currency, that nobody would chase."""
    tolerance_share: float = Field(default=0.005, ge=0, lt=0.5)
    """The same as a share of the invoice; the larger of the two counts."""
    recording_lag_days: int | None = Field(default=None, ge=0, le=365)
    """Days between a payment and its recording; measured where None."""


class OutcomeSettings(_Settings):
    """What late and unpaid mean."""

    grace_days: int = Field(default=0, ge=0, le=60)
    """Days past due that are still called prompt."""
    unpaid_after_days: int = Field(default=90, ge=1, le=365)
    """Days past due after which an open invoice is called unpaid."""


class PanelSettings(_Settings):
    """Which days the training panel looks at the book from."""

    step_days: int = Field(default=7, ge=1, le=92)
    """Days between two as_of dates. Seven keeps the weekday of scoring fixed."""
    history_days: int = Field(default=730, ge=60)
    """How far back training rows go."""
    warm_up_days: int = Field(default=90, ge=0)
    """Days at the start of the ledger without rows: behaviour is not known yet."""


class ModelSettings(_Settings):
    """The booster, the delay curve, the calibration and the gate."""

    tree_count: int = Field(default=800, ge=1, le=10_000)
    """Most trees grown; how many are used is chosen by what happened later, half where nothing says."""
    learning_rate: float = Field(default=0.05, gt=0, le=1)
    leaf_count: int = Field(default=63, ge=2, le=4096)
    depth_max: int = Field(default=8, ge=1, le=16)
    leaf_rows_min: int = Field(default=100, ge=1)
    feature_share: float = Field(default=0.6, gt=0, le=1)
    bin_count: int = Field(default=63, ge=3, le=255)
    """Values a feature is cut into; fewer are faster and, on these books, no worse."""
    row_share: float = Field(default=0.8, gt=0, le=1)
    l2_penalty: float = Field(default=5.0, ge=0)
    seed: int = Field(default=7, ge=0)
    thread_count: int = Field(default=0, ge=0)
    """Threads of the booster; 0 takes half of the cores."""
    curve_cap_days: int = Field(default=180, ge=30, le=720)
    """Last horizon of the delay curve; beyond it a stated tail."""
    calibration_days: int = Field(default=240, ge=14)
    """Length of the latest period that calibrates and gates, before the refit."""
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
    """How long cash received after default still counts."""
    lgd_prior: float = Field(default=0.6, ge=0, le=1)
    """Loss given default where the ledger holds too few defaults to say."""
    lgd_lost_prior: float = Field(default=0.9, ge=0, le=1)
    """The same of what was written off or caught in an insolvency."""
    lgd_prior_count: float = Field(default=20.0, ge=0)
    """How many defaults the prior weighs."""
    annual_cost_of_capital: float = Field(default=0.08, ge=0, lt=1)
    """Yearly rate at which money tied up in receivables is paid for."""
    cost_of_delay_cap_days: int = Field(default=180, ge=1)
    """Days open from as_of on beyond which no more waiting is counted."""
    recoverable_vat_deducted: bool = False
    """Take the recoverable VAT off the exposure at default."""


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
    """Weekday of every book where ``step_days`` is whole weeks: 0 Monday to 6 Sunday."""
    window: Literal["sliding", "expanding"] = "sliding"
    """Training rows of each fold: the last ``panel.history_days``, or all since the first day."""
    contact_count: int = Field(default=25, ge=1)
    """Invoices that collectors get round to per book, judged beside shares of the book."""
    leak_check_count: int = Field(default=3, ge=0, le=60)
    """Days of scoring on which every feature is compared with the ledger cut that day."""
    delay_cap_days: int = Field(default=30, ge=1, le=180)
    """Delays are judged up to so many days: only invoices due that long before the end have theirs."""
    replicate_count: int = Field(default=200, ge=20, le=10_000)
    """Draws behind each interval."""
    seed: int = Field(default=7, ge=0)


class Config(_Settings):
    """All settings of a run."""

    ledger: LedgerSettings = LedgerSettings()
    outcomes: OutcomeSettings = OutcomeSettings()
    panel: PanelSettings = PanelSettings()
    model: ModelSettings = ModelSettings()
    loss: LossSettings = LossSettings()
    worklist: WorklistSettings = WorklistSettings()
    backtest: BacktestSettings = BacktestSettings()


def load_config(source: str | Path | dict[str, Any] | None = None) -> Config:
    """Settings from a YAML file or a dict; what is not named keeps its default.

    Parameters
    ----------
    source : str, Path, dict or None
        A YAML file, a nested dict, or None for all defaults.

    Returns
    -------
    Config
        Frozen settings.

    Raises
    ------
    ConfigError
        If the file cannot be read, or a key is unknown or out of range.

    Examples
    --------
    >>> load_config({"outcomes": {"grace_days": 3}}).outcomes.grace_days
    3
    """
    if source is None:
        return Config()
    if isinstance(source, dict):
        values: Any = source
    else:
        try:
            values = yaml.safe_load(Path(source).read_text("utf-8")) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(
                f"The settings file {source} cannot be read as YAML ({type(error).__name__}); "
                "give a readable UTF-8 file."
            ) from error
    if not isinstance(values, dict):
        raise ConfigError("The settings must be a mapping of stages, such as 'outcomes: {grace_days: 3}'.")
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"The setting {place} is not usable: {first['msg']}.") from error
