"""The model against the customer's late ratio on a real ledger, where it is at hand."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from paydelay.config import load_config
from paydelay.history import History
from paydelay.ledger import Ledger
from paydelay.metrics import AreaUnderCurve, captured_share
from paydelay.outcomes import Outcomes
from paydelay.panel import build_panel
from paydelay.sources import import_ledger
from paydelay.training import train

ROOT = Path(__file__).resolve().parent.parent
SOURCE = (
    Path(os.environ.get("PAYDELAY_DATA", ROOT.parent / "shared" / "data"))
    / "b2b_ledger"
    / "closed_and_open_2019-11-30.csv"
)
TRAIN_AS_OF = date(2019, 9, 2)
LABELS_AT = date(2019, 11, 30)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SOURCE.is_file(), reason="the real ledger is not at hand (PAYDELAY_DATA)"),
]


def real_ledger() -> Ledger:
    return import_ledger("csv", SOURCE, mapping=ROOT / "configs" / "sources" / "b2b_ledger.yaml")


def test_the_model_beats_the_late_ratio_on_later_weekly_books() -> None:
    ledger = real_ledger()
    model = train(ledger, TRAIN_AS_OF, load_config({"model": {"thread_count": 1}}))
    history = History.build(ledger)
    outcomes = Outcomes.of(history, LABELS_AT)
    books = [TRAIN_AS_OF + timedelta(7 * week) for week in range(12)]
    panel = outcomes.label(build_panel(history, books), [0])
    late = panel.y[0]
    judged = ~np.isnan(late) & (panel.rows["days_past_due"].to_numpy() < 0)
    outcome = late[judged].astype(np.float64)
    ours = model.survival(panel)[judged, model.horizons_days.index(0)]
    ratio = panel.X[judged, panel.feature_names.index("late_share_shrunk_365")].astype(np.float64)
    amount = panel.rows["open_amount"].to_numpy()[judged]
    book = panel.as_of_day[judged]
    assert judged.sum() > 15_000
    gain = AreaUnderCurve(ours, outcome)() - AreaUnderCurve(ratio, outcome)()
    assert gain >= 0.06
    captured = [captured_share(amount * outcome, score * amount, book) for score in (ours, ratio)]
    assert captured[0] - captured[1] >= 0.03
