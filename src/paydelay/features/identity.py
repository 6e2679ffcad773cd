"""What features of one's own and dated tables are, as a text that changes with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any

import polars as pl
from polars import selectors as cs

from paydelay.features.declaration import Catalogue
from paydelay.features.own import own_declarations

_PLAIN = (str, bytes, int, float, bool, date, type(None))


def own_identity(
    catalogue: Catalogue, covariates: Mapping[str, pl.DataFrame] | None = None, as_of: date | None = None
) -> dict[str, Any]:
    """All that results depend on beside the ledger, the settings and the package, as plain data.

    Parameters
    ----------
    catalogue : Catalogue
        The package's own features count by name: its version says the rest.
    covariates : mapping of str to polars.DataFrame, optional
        Dated tables that the features look up.
    as_of : date, optional
        Rows of a table that were known later do not count.

    Returns
    -------
    dict
        ``names`` of all features in their order, ``features`` with what those of one's own
        declare and compute, and ``tables``.

    Examples
    --------
    >>> from paydelay.features import CATALOGUE, Feature
    >>> def own(days: int) -> Catalogue:
    ...     told = ("behaviour", "count", "Invoices.", "as counted", "invoice_count")
    ...     count = lambda view: view.total("issued", "count", by="customer", days=days)
    ...     return Catalogue([*CATALOGUE, Feature("issued_own", *told, count)])
    >>> own_identity(own(30)) == own_identity(own(30)), own_identity(own(30)) == own_identity(own(90))
    (True, False)
    """
    known = pl.lit(True) if as_of is None else pl.col("known_on") <= as_of
    tables = {
        name: rows.filter(known).select(~cs.nested()).write_csv()
        for name, rows in sorted((covariates or {}).items())
    }
    declared = own_declarations(catalogue)
    # In their order: the columns of a model have one.
    features = [
        [name, words, *(_code(work) for work in (catalogue[name].compute, catalogue[name].observed))]
        for name, words in declared.items()
    ]
    return {"names": list(catalogue.names), "features": features, "tables": tables}


def _code(work: Callable[..., Any] | None, seen: frozenset[int] = frozenset()) -> Any:
    """What a function does: its byte code, its constants and what it has enclosed."""
    if work is None or id(work) in seen:
        return None
    if isinstance(work, partial):
        plain = [_plain(value, seen) for value in (*work.args, *work.keywords.values())]
        return [_code(work.func, seen), plain, list(work.keywords)]
    inside = seen | {id(work)}
    if isinstance(work, MethodType):
        return [_code(work.__func__, inside), _state(work.__self__, inside)]
    function = work if isinstance(work, FunctionType) else vars(type(work)).get("__call__")
    if not isinstance(function, FunctionType):
        return type(work).__qualname__
    if function is not work:
        return [_code(function, inside), _state(work, inside)]
    enclosed = [_plain(cell.cell_contents, inside) for cell in function.__closure__ or ()]
    return [_compiled(function.__code__), enclosed, _plain(function.__defaults__, inside)]


def _state(owner: object, seen: frozenset[int]) -> list[Any]:
    return [[name, _plain(value, seen)] for name, value in sorted(getattr(owner, "__dict__", {}).items())]


def _compiled(code: CodeType) -> list[Any]:
    constants = [
        _compiled(each) if isinstance(each, CodeType) else repr(each)
        for each in code.co_consts
        if not isinstance(each, frozenset)  # its order differs from run to run
    ]
    return [code.co_code.hex(), list(code.co_names), constants]


def _plain(value: Any, seen: frozenset[int]) -> Any:
    """A value that stays the same from run to run; of what has no such text, its kind."""
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, list | tuple):
        return [_plain(part, seen) for part in value]
    return _code(value, seen) if callable(value) else type(value).__qualname__
