"""Whether a challenger becomes the champion, and the record of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from paydelay.config import Config
from paydelay.errors import ConfigError, PaydelayError, TrackingError
from paydelay.features import CATALOGUE, Catalogue
from paydelay.folds import Fold
from paydelay.history import cut_ledger
from paydelay.ledger import Ledger
from paydelay.model import DelayModel
from paydelay.panel import as_date
from paydelay.tracking.claim import alone, lost
from paydelay.tracking.contest import Comparison, compared
from paydelay.tracking.registry import CHALLENGER, CHAMPION, load_version, version_at
from paydelay.tracking.store import Store, asking, connect

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

logger = logging.getLogger(__name__)

_DESERVING = ("gate_passed", "better", "not_worse", "nothing_since")


@dataclass(frozen=True)
class Promotion:
    """What was decided of a challenger.

    Parameters
    ----------
    name : str
        Registered model.
    challenger : str
        Version that was judged.
    champion : str or None
        Version it was judged by, None where there was none.
    why : str
        ``gate_passed``, ``gate_failed`` (there was no champion), ``better``, ``not_better``,
        ``worse``, ``worse_calibrated``, ``not_worse``, ``nothing_since`` (a refresh without a day
        to judge it by) or ``not_compared`` (forced, and could not be).
    reason : str or None
        Given with force.
    comparison : Comparison or None
        The figures; None where there was no champion, or nothing could be compared.
    ledger_sha256 : str
        Content of the ledger that judged.
    """

    name: str
    challenger: str
    champion: str | None
    why: str
    reason: str | None
    comparison: Comparison | None = field(repr=False)
    ledger_sha256: str = field(repr=False)

    @property
    def deserved(self) -> bool:
        """Whether what came out speaks for it."""
        return self.why in _DESERVING

    @property
    def forced(self) -> bool:
        """Whether it was promoted although that says no."""
        return self.reason is not None and not self.deserved

    @property
    def promoted(self) -> bool:
        """Whether the challenger is the champion now."""
        return self.deserved or self.forced

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        outcome = {"promoted": self.promoted, "forced": self.forced}
        return vars(self) | outcome | {"comparison": self.comparison.to_dict() if self.comparison else None}


def promote(  # noqa: PLR0913 - all but the first two have defaults and are named
    name: str,
    ledger: Ledger,
    config: Config | None = None,
    *,
    as_of: date | str | None = None,
    force: bool = False,
    reason: str | None = None,
    catalogue: Catalogue = CATALOGUE,
    covariates: Mapping[str, pl.DataFrame] | None = None,
    told: Callable[[Fold], None] | None = None,
) -> Promotion:
    """Make the challenger of a registered model its champion, if it deserves to be.

    Two recipes are trained anew on the same folds and judged on the same rows: the challenger has to
    be better in log-loss or in late money found, and worse in neither nor in AUC. A refresh by the
    champion's own recipe would come out equal there: the two models are judged as they are, on the
    days after both trainings, and the newer one has to be not worse. Neither may be worse calibrated. All by
    the 95 % interval of the paired gain. Where there is no champion, or nothing came since a refresh,
    the challenger's quality gate decides.

    Parameters
    ----------
    name : str
        Registered model.
    ledger : Ledger
        Books to judge by.
    config : Config, optional
        Its ``backtest`` says which past is replayed, its ``tracking`` where the registry is.
    as_of : date or ISO str, optional
        Nothing recorded after it is used; the whole ledger where None.
    force : bool
        Promote whatever comes out.
    reason : str, optional
        Why; needed with force, and logged.
    catalogue : Catalogue
        Holds the features of both; one's own included.
    covariates : mapping of str to polars.DataFrame, optional
        Dated tables of one's own that the features look up.
    told : callable, optional
        Called with each fold before it begins.

    Returns
    -------
    Promotion
        Whatever was decided; tags of the version and a file of its run hold the same.

    Raises
    ------
    ConfigError
        If force comes without a reason, or a reason without force.
    TrackingError
        If there is no challenger, it is champion already, or the two cannot be compared.
    ConcurrentPromotionError
        If the champion was moved meanwhile; nothing is changed.
    ModelError
        If one of the two cannot be used.
    ThinLedgerError
        If there is too little to train on, or to judge by.

    Examples
    --------
    >>> promote("late", ledger=None, force=True)
    Traceback (most recent call last):
    paydelay.errors.ConfigError: Promoting by force needs a reason to be logged; give --reason (reason=...).
    """
    reason, settings = _checked(force, reason), config or Config()
    store = connect(settings.tracking)
    champion, challenger = _contestants(store, name)
    books = ledger if as_of is None else cut_ledger(ledger, as_date(as_of))

    def judge(incumbent: DelayModel, candidate: DelayModel) -> Comparison:
        return compared(incumbent, candidate, books, settings, catalogue, covariates, told)

    comparison, why = _weighed(store, champion, challenger, judge, force)
    over = None if champion is None else str(champion.version)
    decision = Promotion(name, str(challenger.version), over, why, reason, comparison, books.fingerprint())
    _carry_out(store, decision, challenger)
    logger.info("promotion of %s version %s: %s", name, decision.challenger, why)
    return decision


def _contestants(store: Store, name: str) -> tuple[ModelVersion | None, ModelVersion]:
    """Champion, if there is one, and challenger."""
    champion, challenger = version_at(store, name, CHAMPION), version_at(store, name, CHALLENGER)
    if challenger is None:
        raise TrackingError(
            f"The registry at {store.place} has no challenger of {name}; 'paydelay train --register {name}' "
            "makes one."
        )
    if champion is not None and champion.version == challenger.version:
        raise TrackingError(
            f"Version {champion.version} of {name} is champion and challenger already; register another "
            "model with 'paydelay train --register'."
        )
    return champion, challenger


def _weighed(
    store: Store,
    champion: ModelVersion | None,
    challenger: ModelVersion,
    judge: Callable[[DelayModel, DelayModel], Comparison],
    force: bool,
) -> tuple[Comparison | None, str]:
    """The figures, where there are any, and what they come to."""
    candidate = load_version(store, challenger)
    if champion is None:
        return None, "gate_passed" if _passed_gate(candidate) else "gate_failed"
    try:
        comparison = judge(load_version(store, champion), candidate)
    except PaydelayError:
        # What is forced is not held up by what cannot be compared; the record says so.
        if not force:
            raise
        return None, "not_compared"
    return comparison, _verdict(comparison, candidate)


def _checked(force: bool, reason: str | None) -> str | None:
    said = (reason or "").strip()
    if force and not said:
        raise ConfigError("Promoting by force needs a reason to be logged; give --reason (reason=...).")
    if said and not force:
        raise ConfigError("A reason is given for promoting by force only; give --force (force=True) too.")
    return said or None


def _passed_gate(model: DelayModel) -> bool:
    return bool(model.manifest["gate"]["late"]["passed"])


def _verdict(comparison: Comparison, candidate: DelayModel) -> str:
    """What the figures come to, the worst first."""
    if comparison.worse:
        return "worse"
    if comparison.worse_calibrated:
        return "worse_calibrated"
    if comparison.kind == "new_recipe":
        return "better" if comparison.better else "not_better"
    if not comparison.gains:
        return "nothing_since" if _passed_gate(candidate) else "gate_failed"
    return "not_worse"


def _carry_out(store: Store, decision: Promotion, challenger: ModelVersion) -> None:
    """Move the alias, if the champion is the one that was judged by, and write the decision down."""
    if decision.promoted:
        with alone(store, decision.name):
            now = version_at(store, decision.name, CHAMPION)
            if (None if now is None else str(now.version)) != decision.champion:
                raise lost(decision.name)
            with asking(store.uri):
                store.client.set_registered_model_alias(decision.name, CHAMPION, decision.challenger)
    outcome = "forced" if decision.forced else "promoted" if decision.promoted else "refused"
    tags = {
        "paydelay.promotion": outcome,
        "paydelay.promotion_why": decision.why,
        "paydelay.promotion_decided_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "paydelay.promotion_over": decision.champion or "none",
        "paydelay.promotion_ledger_sha256": decision.ledger_sha256,
    }
    if decision.reason:
        tags["paydelay.promotion_reason"] = decision.reason
    said = json.dumps(decision.to_dict() | {"decided_at": tags["paydelay.promotion_decided_at"]}, indent=1)
    with asking(store.uri):
        for key, value in tags.items():
            store.client.set_model_version_tag(decision.name, decision.challenger, key, value)
        if challenger.run_id:
            over = f"-over-{decision.champion}" if decision.champion else ""
            stamp = tags["paydelay.promotion_decided_at"][:19].replace(":", "")
            file = f"promotion/version-{decision.challenger}{over}-{stamp}.json"
            store.client.log_text(challenger.run_id, said, file)
