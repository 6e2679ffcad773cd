"""The settings that are searched, each with its range."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paydelay.config import Config

if TYPE_CHECKING:
    from optuna.trial import Trial

Settings = dict[str, int | float]
"""Values of some settings by dotted name, such as ``model.leaf_count``."""

_DIGITS = 3
_YEAR_DAYS = 365
_SPAN_WORTH_CHOOSING = 1.25


@dataclass(frozen=True)
class Dimension:
    """One setting and the range it is searched in.

    Parameters
    ----------
    name : str
        Stage and setting, such as ``model.leaf_count``.
    low, high : int or float
        Ends of the range, both in it; whole numbers where both are.
    log : bool
        Whether steps are ratios, so that 10 to 20 is as far as 100 to 200.
    """

    name: str
    low: int | float
    high: int | float
    log: bool = False

    def suggested(self, trial: Trial) -> int | float:
        """The value a trial is to take; shares and rates to three digits, as people write them."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return int(trial.suggest_int(self.name, self.low, self.high, log=self.log))
        return float(f"{trial.suggest_float(self.name, self.low, self.high, log=self.log):.{_DIGITS}g}")

    def reaching(self, value: int | float) -> Dimension:
        """The same range, made to hold a value; in even steps where it then begins at zero."""
        low = min(self.low, value)
        return Dimension(self.name, low, max(self.high, value), self.log and low > 0)


# The number of trees is chosen by every training itself, and deeper trees cost more to explain
# than they tell.
_BOOSTER = (
    Dimension("model.learning_rate", 0.03, 0.2, log=True),
    Dimension("model.leaf_count", 7, 127, log=True),
    Dimension("model.depth_max", 3, 10),
    Dimension("model.leaf_rows_min", 10, 400, log=True),
    Dimension("model.feature_share", 0.3, 1.0),
    Dimension("model.row_share", 0.5, 1.0),
    Dimension("model.l2_penalty", 0.1, 50.0, log=True),
)


def search_space(given: Config, known_days: int) -> tuple[Dimension, ...]:
    """What is searched for a book, the settings given always among it.

    Parameters
    ----------
    given : Config
        The settings to start from.
    known_days : int
        Days of books before the last training.

    Returns
    -------
    tuple of Dimension
        The booster's settings; how far back it learns too, where the books reach back
        well beyond a year and the backtest's window slides.

    Examples
    --------
    >>> [dimension.name for dimension in search_space(Config(), 800)][-2:]
    ['model.l2_penalty', 'panel.history_days']
    >>> search_space(Config(), 300)[-1].name
    'model.l2_penalty'
    """
    space = list(_BOOSTER)
    if given.backtest.window == "sliding" and known_days > _YEAR_DAYS * _SPAN_WORTH_CHOOSING:
        space.append(Dimension("panel.history_days", _YEAR_DAYS, known_days, log=True))
    return tuple(dimension.reaching(_value(given, dimension.name)) for dimension in space)


def settings_of(config: Config, names: Iterable[str]) -> Settings:
    """Some settings, by dotted name.

    Examples
    --------
    >>> settings_of(Config(), ["model.leaf_count"])
    {'model.leaf_count': 63}
    """
    return {name: _value(config, name) for name in names}


def with_settings(config: Config, settings: Mapping[str, int | float]) -> Config:
    """The same settings but for some, by dotted name.

    Examples
    --------
    >>> with_settings(Config(), {"model.leaf_count": 15}).model.leaf_count
    15
    """
    for name, value in settings.items():
        stage, setting = name.split(".")
        changed = getattr(config, stage).model_copy(update={setting: value})
        config = config.model_copy(update={stage: changed})
    return config


def _value(config: Config, name: str) -> int | float:
    stage, setting = name.split(".")
    value: int | float = getattr(getattr(config, stage), setting)
    return value
