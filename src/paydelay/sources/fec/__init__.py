"""The French statutory accounting export (fichier des ecritures comptables, article A47 A-1 LPF).

``lines`` reads the files (``amounts`` their cents), ``years`` puts them in order,
``entries`` tells what each customer line is (``advances`` on account 4191),
``groups`` which lines belong together,
``settlements`` what settles what (by ``allocation``), ``due_dates`` when an invoice is due;
``reading`` is the walk through them. ``writing`` and ``booking`` (with ``means``) turn a
ledger into a FEC.
"""

from __future__ import annotations

from paydelay.sources.fec.reading import read
from paydelay.sources.fec.writing import FecLayout, write_fec

__all__ = ["FecLayout", "read", "write_fec"]
