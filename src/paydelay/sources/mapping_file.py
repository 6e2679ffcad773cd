"""The file of a mapping: read, and refused in one sentence where it says what cannot be.

All it says is read as text first, so that ``equals: Yes`` is the word and
``country: NO`` is Norway; a key that is not known is refused by name.
"""

from __future__ import annotations

import difflib
from pathlib import Path

import yaml
from pydantic import BaseModel, ValidationError

from paydelay.errors import ConfigError
from paydelay.plain_yaml import PlainTextLoader
from paydelay.sources.mapping import (
    DATE_COLUMNS,
    MAPPED,
    NEEDED,
    Cell,
    Condition,
    Mapping,
    TableMapping,
    type_of,
)

MAPPING_BYTES_MAX = 1_000_000
_NEEDED_EITHER = dict.fromkeys(("payments", "credit_notes", "events"), ("invoice_id", "customer_id"))
_ONLY_FOR = {
    "format": "date",
    "not_after": "date",
    "plus_days": "date",
    "end_of_month": "date",
    "decimal": "number",
    "sign": "number",
    "values": "text",
}


def load_mapping(path: Path) -> Mapping:
    """Read a mapping file.

    Parameters
    ----------
    path : Path
        A YAML file.

    Returns
    -------
    Mapping

    Raises
    ------
    ConfigError
        If it cannot be read, or a key of it is unknown or unusable.
    """
    try:
        if path.stat().st_size > MAPPING_BYTES_MAX:
            raise ConfigError(f"{path.name} is too large for a mapping; give the YAML file of one.")
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The mapping {path.name} cannot be read ({type(error).__name__}); give a readable UTF-8 file."
        ) from None
    return parse_mapping(text, path.name)


def parse_mapping(text: str, label: str = "the mapping") -> Mapping:
    """A mapping from its YAML.

    Parameters
    ----------
    text : str
        The YAML.
    label : str
        What messages call it.

    Returns
    -------
    Mapping

    Raises
    ------
    ConfigError
        If it is no YAML, or a key of it is unknown or unusable.

    Examples
    --------
    >>> parse_mapping("invoices: {columns: {invoice_id: No, customer_id: Client, issue_date: Date}}")
    Traceback (most recent call last):
        ...
    paydelay.errors.ConfigError: In the mapping invoices.columns lacks amount; name its column.
    """
    try:
        values = yaml.load(text, PlainTextLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise ConfigError(
            f"{_sentence(label)} is no usable YAML{where} ({type(error).__name__}); mend it, or begin with "
            "what --guess proposes."
        ) from None
    if not isinstance(values, dict):
        raise ConfigError(f"{_sentence(label)} should hold keys such as 'invoices:'; see docs/sources.md.")
    try:
        mapping = Mapping.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_told(error, label)) from None
    _check(mapping, label)
    return mapping


def _sentence(label: str) -> str:
    return label if "." in label else label[0].upper() + label[1:]


def _told(error: ValidationError, label: str) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _keys_beside(first["loc"])
        near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
        return f"In {label} the key {place} is not known; {hint}"
    if first["type"] == "missing":
        return f"In {label} the key {place} is missing; add it."
    said = first["msg"].removeprefix("Value error, ")
    if first["type"] in ("dict_type", "model_type", "model_attributes_type"):
        said = "it should hold keys of its own, each with a value"
    return f"In {label} {place or 'the top'} is not usable: {said}."


def _keys_beside(place: tuple[int | str, ...]) -> list[str]:
    inner = [part for part in place if isinstance(part, str)]
    model: type[BaseModel] = Mapping
    if len(inner) > 1:
        model = TableMapping
    if len(inner) > 2:
        model = Condition if inner[1] == "keep" else Cell
    return sorted(field.alias or name for name, field in model.model_fields.items())


# ---- What the keys mean to each other --------------------------------------------------------


def _check(mapping: Mapping, label: str) -> None:
    """Refuse what each key alone cannot tell: unknown columns, and settings that do not fit them."""
    present = {name for name in MAPPED if getattr(mapping, name) is not None}
    for name in sorted(present):
        table: TableMapping = getattr(mapping, name)
        if table.lines_of and (table.lines_of not in present or getattr(mapping, table.lines_of).lines_of):
            raise ConfigError(
                f"In {label} {name}.lines_of should name a table of the mapping that says where it is itself."
            )
        _check_columns(name, table, label)
        for part, cells in (("columns", table.columns), ("extras", table.extras), ("check", table.check)):
            for column, cell in cells.items():
                _check_cell(f"{name}.{part}.{column}", column, cell, table, label)


def _check_columns(name: str, table: TableMapping, label: str) -> None:
    known = MAPPED[name].source_columns
    for column in table.columns:
        if column not in known:
            near = difflib.get_close_matches(column, known, n=1, cutoff=0.6)
            beside = f"put it under {name}.extras, or " if MAPPED[name].extras_kept else ""
            hint = f"did you mean {near[0]}?" if near else f"{beside}give one of {', '.join(known)}."
            raise ConfigError(f"In {label} {name}.columns.{column} is no column of the ledger; {hint}")
    lacking = [column for column in NEEDED[name] if column not in table.columns]
    either = _NEEDED_EITHER.get(name, ())
    if either and not set(either) & set(table.columns):
        lacking.append(either[0])
    if lacking:
        raise ConfigError(f"In {label} {name}.columns lacks {', '.join(lacking)}; name its column.")
    if table.extras and not MAPPED[name].extras_kept:
        raise ConfigError(
            f"In {label} {name}.extras is not usable: the table keeps no columns besides its own."
        )
    if set(table.extras) & set(known) or any(extra.startswith("__") for extra in table.extras):
        raise ConfigError(f"In {label} {name}.extras names columns of the ledger; put them under columns.")
    if table.check and name != "invoices":
        raise ConfigError(f"In {label} {name}.check is not usable: only invoices have an open amount.")


def _check_cell(path: str, column: str, cell: Cell, table: TableMapping, label: str) -> None:
    kind = type_of(column, cell)
    if cell.type and cell.type != kind:
        raise ConfigError(f"In {label} {path} is a {kind} in the ledger; leave its type out.")
    for key in sorted(cell.model_fields_set & set(_ONLY_FOR)):
        if _ONLY_FOR[key] != kind:
            raise ConfigError(f"In {label} {path}.{key} is for a {_ONLY_FOR[key]} and this is a {kind}.")
    if cell.not_after is not None and (
        cell.not_after == column or cell.not_after not in {*table.columns, "due_date"} & DATE_COLUMNS
    ):
        raise ConfigError(f"In {label} {path}.not_after should name another date of the same table.")
    if cell.end_of_month and cell.plus_days is None:
        raise ConfigError(f"In {label} {path}.end_of_month goes with plus_days; add the days.")
    if cell.sign == -1 and column in ("terms_days", "rate", "insured_share"):
        raise ConfigError(f"In {label} {path}.sign is for amounts; leave it out.")
