"""The customers as agents: the traits that do not change, drawn once."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from paydelay.simulate.days import RUN_CALENDARS, SECTORS, Array, Days
from paydelay.simulate.settings import SimulationSettings

HABITS = ("anticipates", "prompt", "slack", "chronic")
_HABIT_SHARES = (0.18, 0.44, 0.295, 0.085)
# The largest customers have set habits: drawn, one of them would decide the figures of the whole book.
_LARGEST_HABITS = (1, 2, 0, 1, 2)
SEGMENTS = ("key", "middle", "small")
COUNTRIES = ("FR", "BE", "DE", "ES", "IT")
_COUNTRY_SHARES = (0.78, 0.07, 0.06, 0.05, 0.04)
ENTITIES = ("FR01", "FR02", "BE01")
_SECTOR_SHARES = (0.20, 0.22, 0.20, 0.22, 0.10, 0.06)
_NET, _TO_MONTH_END = False, True
TERMS = ((30, _NET), (45, _NET), (60, _NET), (30, _TO_MONTH_END), (45, _TO_MONTH_END), (10, _NET))
"""Days and whether they run to the end of the month."""
_TERMS_SHARES = (0.38, 0.17, 0.15, 0.17, 0.05, 0.08)
_CHRONIC = HABITS.index("chronic")
_PUBLIC = SECTORS.index("public")


@dataclass(frozen=True)
class Agents:
    """One entry per customer; codes index the tuples of this module.

    ``world`` numbers the copy of the world the agent lives in: 0 in the book,
    and one per path where truth is re-simulated.
    """

    world: Array
    group: Array
    rank: Array
    segment: Array
    sector: Array
    country: Array
    entity: Array
    foreign: Array
    calendar: Array
    habit: Array
    slack_days: Array
    discipline: Array
    willingness: Array
    size_tilt: Array
    queue_weight: Array
    reliability: Array
    liquidity_mean: Array
    distress_rate: Array
    debit: Array
    reminded: Array
    partial_rate: Array
    deduction_rate: Array
    on_account_rate: Array
    discount_taker: Array
    order_rate: Array
    growth: Array
    first_day: Array
    stop_day: Array
    amount_mean_log: Array
    month_cents: Array
    terms: Array
    month_end_billing: Array
    guarantee_cents: Array
    insured: Array
    rated: Array

    def __len__(self) -> int:
        return len(self.world)

    def take(self, rows: Array) -> Agents:
        """The agents at those positions, in that order, repeated where asked twice."""
        return Agents(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def draw_agents(settings: SimulationSettings, days: Days, rng: np.random.Generator) -> Agents:
    """Draw the population of customers.

    Parameters
    ----------
    settings : SimulationSettings
        Sizes and shares.
    days : Days
        The calendar, for arrivals and for the normalisation of orders.
    rng : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    Agents
        ``settings.customer_count`` of them.

    Examples
    --------
    >>> from paydelay.simulate.days import make_days
    >>> settings = SimulationSettings(customer_count=50)
    >>> len(draw_agents(settings, make_days(settings), np.random.Generator(np.random.PCG64(1))))
    50
    """
    count = settings.customer_count
    rank = rng.permutation(count).astype(np.int32)
    traits: dict[str, Array] = {"world": np.zeros(count, dtype=np.int32), "rank": rank}
    traits |= _draw_identity(settings, rank, rng)
    traits |= _draw_payer(settings, traits, rng)
    traits |= _draw_finances(settings, traits, rng)
    traits |= _draw_orders(settings, traits, days, rng)
    return Agents(**traits)


def _codes(rng: np.random.Generator, shares: tuple[float, ...], count: int) -> Array:
    return rng.choice(len(shares), size=count, p=np.array(shares) / sum(shares)).astype(np.int16)


def _draw_identity(settings: SimulationSettings, rank: Array, rng: np.random.Generator) -> dict[str, Array]:
    count = len(rank)
    relative = rank / count
    group = np.full(count, -1, dtype=np.int32)
    # About 8 % of the customers belong to a parent with two to five of them.
    member = np.flatnonzero(rng.random(count) < 0.08)
    sizes = rng.integers(2, 6, size=len(member) + 1)
    group[member] = np.repeat(np.arange(len(sizes)), sizes)[: len(member)]
    country = _codes(rng, _COUNTRY_SHARES, count)
    entity = np.where(country == 1, 2, rng.random(count) < 0.3).astype(np.int16)
    return {
        "group": group,
        "segment": np.where(relative < 0.03, 0, np.where(relative < 0.3, 1, 2)).astype(np.int16),
        "sector": _codes(rng, _SECTOR_SHARES, count),
        "country": country,
        "entity": entity,
        "foreign": rng.random(count) < settings.foreign_currency_share,
    }


def _draw_payer(
    settings: SimulationSettings, traits: dict[str, Array], rng: np.random.Generator
) -> dict[str, Array]:
    count = len(traits["rank"])
    habit = _codes(rng, _HABIT_SHARES, count)
    for rank, code in enumerate(_LARGEST_HABITS):
        habit[traits["rank"] == rank] = code
    calendar = _codes(rng, tuple(share for _, share, _ in RUN_CALENDARS), count)
    gap = np.array([days for _, _, days in RUN_CALENDARS])[calendar]
    noise = rng.standard_normal(count)
    # Among the chronic, a few count in months.
    tail = np.where(rng.random(count) < 0.3, 45.0 * rng.exponential(1.0, count), 0.0)
    # A prompt payer takes what falls due before its next run; the others wait for the date they have in mind.
    anticipates, prompt = -9 - 0.6 * gap + 3 * noise, -0.72 * gap - 0.5 + noise
    slack, chronic = 3 - 0.2 * gap + 4 * noise, 16 + 8 * noise + tail
    aims = np.stack([anticipates, prompt, slack, chronic])
    deducts = rng.random(count) < 0.12
    careless = rng.random(count) < 0.10
    return {
        "habit": habit,
        "calendar": calendar,
        "slack_days": np.round(aims[habit, np.arange(count)]).astype(np.float32),
        "discipline": np.exp(np.log(0.8) + 0.6 * rng.standard_normal(count)).astype(np.float32),
        "willingness": (2.3 + 0.6 * rng.standard_normal(count)).astype(np.float32),
        # Some pay the large or strategic invoices first, some the small ones.
        "size_tilt": rng.choice([-0.5, 0.0, 0.5], size=count, p=[0.25, 0.35, 0.4]).astype(np.float32),
        "queue_weight": rng.uniform(0.1, 0.8, count).astype(np.float32),
        "reliability": (0.9 + 0.8 * rng.standard_normal(count)).astype(np.float32),
        "debit": (rng.random(count) < 0.08) & (habit <= 1),
        "reminded": rng.random(count) < 0.9,
        "partial_rate": (0.03 * rng.gamma(0.6, 1 / 0.6, count)).astype(np.float32),
        "deduction_rate": (settings.deduction_share * np.where(deducts, 5.9, 0.33)).astype(np.float32),
        # Cash without a reference has no currency but the seller's own.
        "on_account_rate": (
            settings.on_account_share * np.where(careless, 6.4, 0.4) * ~traits["foreign"]
        ).astype(np.float32),
        "discount_taker": (habit == 0) & (rng.random(count) < 0.2),
    }


def _draw_finances(
    settings: SimulationSettings, traits: dict[str, Array], rng: np.random.Generator
) -> dict[str, Array]:
    count = len(traits["rank"])
    liquidity = 0.7 + 0.6 * rng.standard_normal(count) - 0.5 * (traits["habit"] == _CHRONIC)
    # Parents and their subsidiaries share a purse.
    group = traits["group"]
    shared = rng.standard_normal(int(group.max(initial=0)) + 1)
    liquidity = np.where(group >= 0, 0.5 * liquidity + 0.35 + 0.4 * shared[group], liquidity)
    # A weak and small customer falls into distress more often; a public body and the largest one do not fail.
    relative = np.exp(-0.7 * (liquidity - 0.7)) * np.array([0.4, 0.9, 1.1])[traits["segment"]]
    relative *= (traits["sector"] != _PUBLIC) * (traits["rank"] > 0)
    relative /= max(float(relative.mean()), 1e-9)
    return {
        "liquidity_mean": liquidity.astype(np.float32),
        "distress_rate": (settings.insolvency_yearly_share * relative).astype(np.float32),
        "insured": rng.random(count) < 0.55,
        "rated": rng.random(count) < 0.85,
        "guarantee_cents": np.where(rng.random(count) < 0.04, 100_000 * rng.integers(5, 60, count), 0).astype(
            np.int64
        ),
    }


def _draw_orders(
    settings: SimulationSettings, traits: dict[str, Array], days: Days, rng: np.random.Generator
) -> dict[str, Array]:
    count, book = len(traits["rank"]), days.book_day_count
    rank = traits["rank"]
    weight = (rank + 15.0) ** -1.1
    largest = settings.largest_customer_share
    weight = np.where(rank == 0, largest, weight * (1 - largest) / weight[rank > 0].sum())
    new = (rng.random(count) < settings.new_customer_share) & (rank > 4)
    first = np.where(new, rng.integers(0, max(book - 30, 1), count), 0)
    churn = -np.log1p(-settings.churn_yearly_share) / 365.25
    lifetime = rng.exponential(1.0, count) / churn if churn > 0 else np.full(count, np.inf)
    stop = np.where(rank < 3, book, np.minimum(first + lifetime, book))
    growth = np.clip(0.12 * rng.standard_normal(count), -0.4, 0.4)
    # Orders are scaled so that the expected count is met although customers come and go.
    exposure = np.maximum(np.minimum(stop, book) - first, 0) / book
    target = settings.invoices_per_customer_month * count * settings.month_count
    business = days.business[:book].sum()
    rate = target * weight / max(float((weight * exposure).sum()), 1e-9) / business
    mean_log = 6.4 + 0.85 * rng.standard_normal(count) + 0.3 * np.log(weight * count)
    mean_cents = np.exp(mean_log + 0.7**2 / 2) * 100
    return {
        "order_rate": rate,
        "growth": growth,
        "first_day": first.astype(np.int32),
        "stop_day": stop.astype(np.int32),
        "amount_mean_log": mean_log,
        "month_cents": (mean_cents * np.maximum(rate * 21, 1.0)).astype(np.float32),
        "terms": _codes(rng, _TERMS_SHARES, count),
        "month_end_billing": (rng.random(count) < 0.2).astype(np.int16),
    }
