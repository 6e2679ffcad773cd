"""The one way in: foreign files of a named kind to a ledger."""

from __future__ import annotations

import difflib
import importlib
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from paydelay.errors import ConfigError, CurrencyError, LedgerError
from paydelay.sources.draft import Draft
from paydelay.sources.imported import ImportedLedger, to_ledger
from paydelay.sources.opening import file_at, is_address
from paydelay.sources.options import EXPECTED, ImportOptions
from paydelay.sources.pseudonyms import pseudonymise
from paydelay.sources.rates import add_rates, named_options
from paydelay.sources.terms import terms_of

log = logging.getLogger(__name__)

KINDS: dict[str, str] = {
    "fec": "paydelay.sources.fec",
    "sap": "paydelay.sources.sap",
    "odoo": "paydelay.sources.odoo",
    "xero": "paydelay.sources.xero",
    "quickbooks": "paydelay.sources.quickbooks",
    "sage-intacct": "paydelay.sources.sage_intacct",
    "dynamics-bc": "paydelay.sources.dynamics_bc",
    "netsuite": "paydelay.sources.netsuite",
    "csv": "paydelay.sources.mapped",
}
"""Every kind of source and the module that reads it: ``read(files, options) -> Draft``."""

EVERY_KIND = frozenset(
    {
        "terms_days",
        "terms_end_of_month",
        "terms",
        "currency",
        "pseudonym_key",
    }
)
"""Options that every kind of source uses."""

_FOREIGN = frozenset({"reporting_currency", "rates"})
# Statutory books are kept in one currency, whatever their invoices were in.
OPTIONS: dict[str, frozenset[str]] = {
    "fec": frozenset({"match_unlettered"}),
    **dict.fromkeys(
        ("sap", "odoo", "xero", "quickbooks", "sage-intacct", "dynamics-bc", "netsuite"),
        frozenset({"export_date"}) | _FOREIGN,
    ),
    "csv": frozenset({"mapping", "export_date"}) | _FOREIGN,
}
"""Options that a kind of source uses besides those of :data:`EVERY_KIND`."""


def import_ledger(
    kind: str,
    files: str | Path | Iterable[str | Path],
    options: ImportOptions | None = None,
    **more: Any,
) -> ImportedLedger:
    r"""Ledger made of foreign books.

    Parameters
    ----------
    kind : str
        One of :data:`KINDS`.
    files : str, Path or iterable of them
        The files; where a source has several tables, in any order. For the kind
        ``csv`` also addresses of databases, such as ``sqlite:///books.db``.
    options : ImportOptions, optional
        What the books do not say.
    **more
        Options by name, as :class:`ImportOptions` lists them; they go before those of
        ``options``.

    Returns
    -------
    ImportedLedger
        The ledger, with ``report``: lines used, refused and out of scope, what was
        assumed, and the reconciliation with the books.

    Raises
    ------
    ConfigError
        If the kind or an option is not known, or the kind has no use for an option.
    LedgerError
        If a file is not what it is said to be, or the table of terms cannot be read.
    CurrencyError
        If there are amounts that cannot be converted.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "123456789FEC20231231.txt"
    >>> header = (
    ...     "JournalCode|JournalLib|EcritureNum|EcritureDate|CompteNum|CompteLib|CompAuxNum|CompAuxLib|"
    ...     "PieceRef|PieceDate|EcritureLib|Debit|Credit|EcritureLet|DateLet|ValidDate|Montantdevise|Idevise"
    ... )
    >>> _ = path.write_text(
    ...     f"{header}\n"
    ...     "VE||1|20230110|411000|Clients|C1|Dupont|F1|20230110|Facture|120,00|0,00|A|20230320|||\n"
    ...     "VE||1|20230110|707000|Ventes|||F1|20230110|Facture|0,00|120,00|||||\n"
    ...     "BQ||2|20230301|512000|Banque|||R1|20230301|Virement|120,00|0,00|||||\n"
    ...     "BQ||2|20230301|411000|Clients|C1|Dupont|R1|20230301|Virement|0,00|120,00|A|20230320|||\n"
    ... )
    >>> ledger = import_ledger("fec", path, terms_days=30)
    >>> ledger.payments["invoice_id", "payment_date", "amount"].row(0)
    ('F1', datetime.date(2023, 3, 1), 120.0)
    >>> ledger.report.reconciled
    True
    >>> import_ledger("fec", path, ImportOptions(terms_days=30)).equals(ledger)
    True
    """
    if kind not in KINDS:
        raise ConfigError(f"There is no source of the kind '{kind}'; give one of {', '.join(KINDS)}.")
    places = _places(kind, files)
    chosen = _options(options, more)
    _refuse_unused(kind, chosen)
    # Read here too: a table that is not there is an error even where no invoice needs it.
    terms_of(chosen)
    draft: Draft = importlib.import_module(KINDS[kind]).read(places, chosen)
    add_rates(draft, chosen)
    # Under the true names first: adapters compare with what they read.
    ledger = _ledger_of(draft)
    if chosen.pseudonym_key:
        ledger = pseudonymise(ledger, chosen.pseudonym_key)
    log.info(
        "Imported %d files of the kind %s: %d lines read, %d used, %d refused.",
        len(draft.files),
        kind,
        *(sum(getattr(file, count) for file in draft.files) for count in ("read", "used", "refused")),
    )
    return ledger


def _ledger_of(draft: Draft) -> ImportedLedger:
    try:
        return to_ledger(draft)
    except CurrencyError as error:
        raise named_options(error, draft) from None


def _places(kind: str, files: str | Path | Iterable[str | Path]) -> list[str | Path]:
    """Paths, and addresses as they are: as a path, one would lose a slash."""
    given = [files] if isinstance(files, str | Path) else list(files)
    if not given:
        raise LedgerError("No file was given; name the files to import.")
    places = [str(file) if is_address(file) else file_at(file) for file in given]
    if kind != "csv" and any(isinstance(place, str) for place in places):
        raise ConfigError(
            f"The kind '{kind}' reads files and no database; take the kind csv with a mapping for a database."
        )
    return places


def _options(options: ImportOptions | None, more: dict[str, Any]) -> ImportOptions:
    given = options.model_dump(exclude_unset=True) if options else {}
    try:
        return ImportOptions(**given | more)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        if name not in EXPECTED:
            near = difflib.get_close_matches(name, EXPECTED, n=1)
            hint = f"did you mean {near[0]}?" if near else f"give one of {', '.join(EXPECTED)}."
            raise ConfigError(f"An import has no option {name}; {hint}") from None
        raise ConfigError(f"The option {_flag(name)} is not usable; give {EXPECTED[name]}.") from None


def _refuse_unused(kind: str, options: ImportOptions) -> None:
    """An option that changes nothing would be taken to have changed something."""
    used = EVERY_KIND | OPTIONS.get(kind, frozenset())
    for name, field in ImportOptions.model_fields.items():
        if name not in used and getattr(options, name) != field.default:
            raise ConfigError(f"The kind '{kind}' has no use for {_flag(name)}; leave it out.")
    # Of the kinds only fec has terms to fall back on, which then run on to the end of the month.
    if options.terms_end_of_month and options.terms_days is None and kind != "fec":
        raise ConfigError(
            "The option --terms-end-of-month changes nothing without --terms-days; give the days too. A "
            "table of --terms says so of each customer in its column end_of_month."
        )


def _flag(name: str) -> str:
    """An option as the command line calls it."""
    return f"--{name.replace('_', '-')}"
