"""A ledger's folder: which files it holds, and how it is replaced all at once."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path

import polars as pl

from paydelay.errors import LedgerError, TargetError
from paydelay.files import replacing_folder
from paydelay.ledger.currencies import NO_CURRENCY
from paydelay.ledger.tables import TABLES

SETTINGS_FILE = "ledger.json"
FORMATS = ("parquet", "csv")


def find_files(folder: str | Path) -> dict[str, Path]:
    """Files of the tables in a ledger folder.

    Parameters
    ----------
    folder : str or Path
        A ledger folder.

    Returns
    -------
    dict of str to Path
        Path per table that is there.

    Raises
    ------
    LedgerError
        If there is no such folder, a required table is missing, or a table is
        there twice.
    """
    folder = Path(folder)
    try:
        if not folder.is_dir():
            what = "is a file" if folder.exists() else "does not exist"
            raise LedgerError(
                f"The ledger folder {folder} {what}; give a folder that holds invoices and payments as "
                ".parquet or .csv."
            )
        found = {
            name: [path for end in FORMATS if (path := folder / f"{name}.{end}").is_file()] for name in TABLES
        }
    except OSError as error:
        raise LedgerError(f"The ledger folder {folder} cannot be opened ({type(error).__name__}).") from error
    for name, paths in found.items():
        if len(paths) > 1:
            raise LedgerError(
                f"The ledger folder {folder} holds both {name}.parquet and {name}.csv; leave the one to read."
            )
        if not paths and name in ("invoices", "payments"):
            raise LedgerError(
                f"The ledger folder {folder} holds neither {name}.parquet nor {name}.csv; a ledger needs "
                "invoices and payments."
            )
    return {name: paths[0] for name, paths in found.items() if paths}


def stated_currency(folder: Path) -> str | None:
    """Reporting currency that a ledger folder states about itself.

    Parameters
    ----------
    folder : Path
        A ledger folder.

    Returns
    -------
    str or None
        What ``ledger.json`` says; None where it says nothing.

    Raises
    ------
    LedgerError
        If ``ledger.json`` is there but cannot be read.
    """
    path = folder / SETTINGS_FILE
    try:
        if not path.exists():
            return None
        code = json.loads(path.read_text("utf-8")).get("reporting_currency")
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise LedgerError(
            f"{SETTINGS_FILE} cannot be read ({type(error).__name__}); it should hold "
            '{"reporting_currency": "EUR"}.'
        ) from None
    if code is not None and not isinstance(code, str):
        raise LedgerError(f'The reporting_currency in {SETTINGS_FILE} should be text, such as "EUR".')
    return code


def write_folder(
    tables: Mapping[str, pl.DataFrame],
    reporting_currency: str,
    folder: Path,
    kind: str,
    beside: Mapping[str, bytes] | None = None,
    may_stand_beside: Collection[str] = (),
) -> None:
    """Write tables to a folder that is there in whole or not at all.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        The tables as a source would give them.
    reporting_currency : str
        Currency to state in ``ledger.json``.
    folder : Path
        A folder that does not exist yet, is empty or holds a ledger.
    kind : str
        ``parquet`` or ``csv``.
    beside : mapping of str to bytes, optional
        Other files of the ledger.
    may_stand_beside : collection of str
        Files that a former ledger may have left beside its tables; they are removed.

    Raises
    ------
    TargetError
        If the folder holds something else, or cannot be written.
    """
    if kind not in FORMATS:
        raise TargetError("A ledger is written as 'parquet' or 'csv'.")
    check_folder(folder)
    files = {SETTINGS_FILE, *may_stand_beside, *(f"{name}.{end}" for name in TABLES for end in FORMATS)}
    stated = None if reporting_currency == NO_CURRENCY else reporting_currency
    try:
        # What is not of the ledger was never ours to delete.
        with replacing_folder(folder, ours=files.__contains__) as draft:
            for name, rows in tables.items():
                path = draft / f"{name}.{kind}"
                if kind == "csv":
                    rows.write_csv(path)
                else:
                    rows.write_parquet(path)
            settings = json.dumps({"reporting_currency": stated}, indent=2)
            (draft / SETTINGS_FILE).write_text(settings + "\n", encoding="utf-8")
            for name, content in (beside or {}).items():
                (draft / name).write_bytes(content)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise TargetError(
            f"The ledger cannot be written to {folder} ({type(error).__name__}); give a folder that can be "
            "written to, on a disk with room."
        ) from error


def check_folder(folder: Path) -> None:
    """Refuse a folder that a ledger cannot take the place of, before any work is done for it.

    Parameters
    ----------
    folder : Path
        As given to :func:`write_folder`.

    Raises
    ------
    TargetError
        If it is a file, or holds other things than a ledger.
    """
    try:
        if not folder.exists():
            return
        if not folder.is_dir():
            raise TargetError(f"{folder} is a file; give a folder to write the ledger to.")
        present = {path.name for path in folder.iterdir()}
    except OSError as error:
        raise TargetError(f"The folder {folder} cannot be looked into ({type(error).__name__}).") from error
    if present and not present & {SETTINGS_FILE, *(f"invoices.{end}" for end in FORMATS)}:
        raise TargetError(
            f"The folder {folder} holds other things than a ledger; give a new or an empty one."
        )
