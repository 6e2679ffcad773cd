"""The real ledger that predictions are judged on, where it is at hand."""

from __future__ import annotations

import os
from pathlib import Path

from paydelay.ledger import Ledger
from paydelay.sources import import_ledger

ROOT = Path(__file__).resolve().parent.parent


def b2b_ledger() -> Ledger | None:
    """The ledger from the folder named by PAYDELAY_DATA, or from ../shared/data; None where it is absent.

    The mapping says how it is read: where an estimated issue date lies after the due date
    the earlier counts, and amounts of another currency are taken as they stand.
    """
    folder = Path(os.environ.get("PAYDELAY_DATA", ROOT.parent / "shared" / "data"))
    source = folder / "b2b_ledger" / "closed_and_open_2019-11-30.csv"
    if not source.is_file():
        return None
    return import_ledger("csv", source, mapping=ROOT / "configs" / "sources" / "b2b_ledger.yaml")
