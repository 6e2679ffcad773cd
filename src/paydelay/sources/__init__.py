"""Foreign books: from the files of other systems to a checked ledger.

``importing`` is the way in; one module per system makes a ``draft`` of its files,
and ``imported`` applies the ledger's contract and accounts for every line.
``text``, ``opening`` and ``values`` read files and cells for all of them.
"""

from __future__ import annotations

from paydelay.sources.draft import Agreement, Assumption, Draft, SourceFile
from paydelay.sources.imported import ImportedLedger, ImportReport
from paydelay.sources.importing import KINDS, import_ledger
from paydelay.sources.options import ImportOptions

__all__ = [
    "KINDS",
    "Agreement",
    "Assumption",
    "Draft",
    "ImportOptions",
    "ImportReport",
    "ImportedLedger",
    "SourceFile",
    "import_ledger",
]
