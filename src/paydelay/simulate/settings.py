"""What a simulated book looks like: sizes, rates and switches, each stated once."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from paydelay.errors import ConfigError


class SimulationSettings(BaseModel):
    """Settings of a simulated ledger.

    Shares are shares of the invoices unless the name says otherwise, and are
    aimed at: the book that comes out varies around them as real books do.

    Examples
    --------
    >>> settings = SimulationSettings(customer_count=50, month_count=12)
    >>> settings.start_date, settings.end_date
    (datetime.date(2023, 6, 1), datetime.date(2024, 5, 31))
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    customer_count: int = Field(default=400, ge=5, le=1_000_000)
    """Customers, those that arrive during the book included."""
    month_count: int = Field(default=30, ge=3, le=120)
    """Calendar months in the tables."""
    seed: int = Field(default=1, ge=0)
    """The same seed and settings give the same bytes."""
    start_date: date = date(2023, 6, 1)
    """First day of the book."""
    invoices_per_customer_month: float = Field(default=1.25, gt=0, le=1000)
    """Mean over the whole book; 3,000 customers and 30 months give about 105,000 invoices."""
    largest_customer_share: float = Field(default=0.07, ge=0, le=0.5)
    """Share of the invoices that the largest customer gets."""
    foreign_currency_share: float = Field(default=0.0, ge=0, le=1)
    """Share of the customers invoiced in USD; a table of rates is written where it is not 0."""

    new_customer_share: float = Field(default=0.25, ge=0, le=0.95)
    """Share of the customers that arrive after the first day."""
    churn_yearly_share: float = Field(default=0.06, ge=0, le=0.9)
    """Share of the customers that stop ordering within a year."""
    insolvency_yearly_share: float = Field(default=0.042, ge=0, le=0.5)
    """Share of the active customers that become insolvent within a year."""
    culture_drift_days_per_year: float = Field(default=1.0, ge=-30, le=30)
    """How much later every customer aims to pay with each year."""

    regime_change: bool = False
    """Whether a liquidity shock hits all customers at once."""
    regime_change_month: int = Field(default=20, ge=1, le=120)
    """Months after the first day at which the shock starts; nothing differs before."""
    regime_liquidity_fall: float = Field(default=1.5, ge=0, le=6)
    """Size of the shock in standard deviations of a customer's liquidity."""
    regime_slack_days: float = Field(default=5.0, ge=0, le=60)
    """How much later every customer aims to pay after the shock."""

    reminder_steps_days: tuple[int, ...] = (7, 14, 21, 30)
    """Days past due at which the seller sends a reminder."""
    reminder_odds: float = Field(default=2.5, gt=0, le=50)
    """Factor on the odds that a payment run takes a reminded invoice: the known effect."""
    reminder_effect_days: int = Field(default=10, ge=1, le=90)
    """Days after a reminder during which the factor holds."""
    reminder_daily_share: float = Field(default=0.7, ge=0, le=1)
    """Chance per business day that a reminder that has fallen due is really sent."""

    dispute_share: float = Field(default=0.025, ge=0, le=0.5)
    cancelled_share: float = Field(default=0.012, ge=0, le=0.5)
    rescheduled_share: float = Field(default=0.008, ge=0, le=0.5)
    unapproved_share: float = Field(default=0.025, ge=0, le=0.5)
    """Invoices stuck in the customer's approval when they arrive."""
    deduction_share: float = Field(default=0.015, ge=0, le=0.2)
    on_account_share: float = Field(default=0.012, ge=0, le=0.2)
    double_payment_share: float = Field(default=0.004, ge=0, le=0.2)
    residual_share: float = Field(default=0.005, ge=0, le=0.2)
    """Payments short of a few cents, which the seller writes off."""
    late_recording_share: float = Field(default=0.4, ge=0, le=1)
    """Payment runs that are recorded after their date, by a day for most and weeks for a few."""
    late_invoice_share: float = Field(default=0.03, ge=0, le=1)
    """Invoices recorded after their date of issue."""

    aftermath_days: int = Field(default=180, ge=0, le=720)
    """Days simulated beyond the tables, without new invoices, so that truth knows how it ended."""
    daily_truth: bool = True
    """Whether truth holds the daily hazards."""
    truth_path_count: int = Field(default=0, ge=0, le=10_000)
    """Paths re-simulated per open invoice and date for truth/hazard; 0 leaves that table out."""
    truth_step_months: int = Field(default=3, ge=1, le=24)
    """Months between the month ends at which truth/hazard looks at the book."""
    truth_dates: tuple[date, ...] | None = None
    """Those dates themselves, in place of month ends."""

    @model_validator(mode="after")
    def _check(self) -> SimulationSettings:
        steps = self.reminder_steps_days
        if not steps or list(steps) != sorted(set(steps)) or steps[0] < 1:
            raise ValueError("reminder_steps_days must be positive days in increasing order")
        if self.regime_change and self.regime_change_month >= self.month_count:
            raise ValueError("regime_change_month must lie before the end of the book (month_count)")
        for day in self.truth_dates or ():
            if not self.start_date <= day <= self.end_date:
                raise ValueError("truth_dates must lie between start_date and the last day of the book")
        return self

    @property
    def end_date(self) -> date:
        """Last day of the book: everything recorded later is missing from the tables."""
        return add_months(self.start_date, self.month_count) - timedelta(days=1)

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> SimulationSettings:
        """Settings from a dict, refused with a ``ConfigError`` where they are not usable.

        Parameters
        ----------
        values : dict
            Field names and values; what is not named keeps its default.

        Returns
        -------
        SimulationSettings
            Frozen settings.

        Raises
        ------
        ConfigError
            If a key is unknown or a value is out of range.

        Examples
        --------
        >>> SimulationSettings.from_values({"seed": 3}).seed
        3
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "combination"
            raise ConfigError(f"The simulation setting {place} is not usable: {first['msg']}.") from error


def add_months(day: date, months: int) -> date:
    """The same day of the month so many months on, or the last day where it is missing."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    last = (following - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last))
