"""Every error paydelay raises on purpose, and the one warning.

::

    PaydelayError
    ├── LedgerError               the books cannot be read as a ledger
    │   └── CurrencyError         several currencies and no rate to convert them
    ├── ConfigError               a setting that is unknown or out of range
    ├── LeakageError              something asked to see past its as_of date
    ├── ImmatureOutcomeError      a label was asked before it could be known
    ├── ThinLedgerError           too little history to learn from       (exit 1)
    ├── QualityGateError          a model that does not beat the baseline (exit 1)
    ├── FeatureError              a feature of one's own that cannot be used
    ├── FeatureMismatchError      a panel without the model's features, or with others
    ├── ModelError                a model folder that is incomplete or altered
    ├── ScoresError               past scores that are not what scoring wrote
    ├── TargetError               a place that cannot be written to
    │   └── ConcurrentRunError      another run works at that place       (exit 1)
    ├── TrackingError             a store of runs and models that cannot be reached or used
    │   └── ConcurrentPromotionError  another promotion was faster         (exit 1)
    └── MissingDependencyError    an optional or system library is absent

    StaleBooksWarning             the books end long before the day they are looked at

A message says what was found, what was expected and what to do. It never holds
a customer's data: it ends up in logs and tickets.
"""

from __future__ import annotations


class PaydelayError(Exception):
    """Base of every error raised on purpose.

    Attributes
    ----------
    exit_code : int
        What the command line returns: 2 for a wrong call or unusable input,
        1 where the call was right but the data fell short.
    """

    exit_code: int = 2


class LedgerError(PaydelayError):
    """The books cannot be read as a ledger."""


class CurrencyError(LedgerError):
    """Several currencies and no rate that converts them."""


class ConfigError(PaydelayError):
    """A setting that is unknown or out of range."""


class LeakageError(PaydelayError):
    """Something asked to see past its as_of date."""


class ImmatureOutcomeError(PaydelayError):
    """A label was asked before it could be known."""


class ThinLedgerError(PaydelayError):
    """Too little history to learn from."""

    exit_code = 1


class QualityGateError(PaydelayError):
    """A model that does not beat the baseline it has to beat."""

    exit_code = 1


class FeatureError(PaydelayError):
    """A feature of one's own that cannot be loaded, named, computed or told."""


class FeatureMismatchError(PaydelayError):
    """A panel that lacks the model's features, or holds others."""


class ModelError(PaydelayError):
    """A model folder that is incomplete, altered or of another version."""


class ScoresError(PaydelayError):
    """Past scores that are not what scoring wrote."""


class TargetError(PaydelayError):
    """A place that cannot be written to."""


class ConcurrentRunError(TargetError):
    """Another run works at that place."""

    exit_code = 1


class TrackingError(PaydelayError):
    """A store of runs and models that cannot be reached, or lacks what is asked for."""


class ConcurrentPromotionError(TrackingError):
    """Another promotion moved the champion first."""

    exit_code = 1


class MissingDependencyError(PaydelayError):
    """An optional or system library is absent."""


class StaleBooksWarning(UserWarning):
    """The books end long before the day they are looked at: what was paid since still looks open."""
