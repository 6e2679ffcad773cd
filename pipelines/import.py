"""Foreign books to a ledger folder, whenever their files have changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

import paydelay as pdl
from paydelay.cli.importing import pseudonym_key, stop_if_strict
from paydelay.errors import LedgerError
from paydelay.language import phrase
from paydelay.pipeline import Job, Stages, content_of, files_of, run
from paydelay.report import print_import


class Importing(Job):
    """Make the ledger folder out of another system's files, and tell what became of every line."""

    kind: str
    """fec, sap, odoo, xero, quickbooks, sage-intacct, dynamics-bc, netsuite or csv."""
    files: list[str]
    """Its files, in any order; patterns such as exports/*.txt too."""
    options: dict[str, Any] = Field(default={})
    """What the books do not say, such as terms_days, by the names that paydelay import has."""
    pseudonymise: str | None = None
    """File that holds the key under which customers are hashed; env: PAYDELAY_PSEUDONYM_KEY."""
    strict: bool = False
    """Exit 1 and write no ledger where a line is refused or amounts do not agree."""
    format: Literal["csv", "parquet"] = "parquet"
    """Of the tables."""


def import_books(job: Importing, stages: Stages) -> None:
    """One stage: the ledger folder, with the report of the import beside its tables."""
    files = files_of(job.files)
    key = {"pseudonym_key": pseudonym_key(job.pseudonymise)} if job.pseudonymise else {}

    def imported(draft: Path) -> None:
        ledger = pdl.import_ledger(job.kind, files, **job.options | key)
        print_import(ledger, job.language)
        stop_if_strict(ledger.report, job.strict, job.language)
        if ledger.invoices.is_empty():
            raise LedgerError(phrase("import.nothing_usable", job.language))
        ledger.write(draft, job.format)

    beside = [name for name in job.options.values() if isinstance(name, str) and Path(name).is_file()]
    settings = job.settings("kind", "options", "strict", "format") | key
    stages.run("ledger", {"files": content_of([*files, *beside]), "settings": settings}, imported)
    stages.tell("import.saved")


if __name__ == "__main__":
    run(Importing, import_books)
