"""The ledger: the contract of the tables, how they are read, and what was refused and why.

``tables`` states the contract as schemas, ``currencies`` what is needed to
convert; ``intake`` opens files and frames, ``cells`` converts them, ``assembly``
refuses rows and relates the tables, ``book`` is the ledger that results. ``content``
its fingerprint; ``storage`` writes its folder, ``spreadsheets`` keeps formulas out of what people open.
"""

from __future__ import annotations

from paydelay.ledger.book import Ledger, read_ledger
from paydelay.ledger.currencies import ISO_4217
from paydelay.ledger.tables import EVENT_TYPES, PAYMENT_KINDS, RULES, TABLES

__all__ = ["EVENT_TYPES", "ISO_4217", "PAYMENT_KINDS", "RULES", "TABLES", "Ledger", "read_ledger"]
