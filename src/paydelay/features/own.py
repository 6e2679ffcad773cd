"""Features of one's own: those that installed packages bring, and columns of dated tables.

A package brings features by an entry point of the group ``paydelay.features`` that names a
:class:`Feature`, a catalogue or another iterable of features, or a function that returns one of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import polars as pl

from paydelay.errors import FeatureError, FeatureMismatchError, LedgerError, PaydelayError
from paydelay.features.declaration import Catalogue, Feature
from paydelay.features.shipped import CATALOGUE
from paydelay.history import Floats, PastView, covariate_columns
from paydelay.language import cause_fault, languages

GROUP = "paydelay.features"
# Beside its features a row that is kept has these.
_RESERVED = ("invoice_id", "as_of")


def installed_catalogue() -> Catalogue:
    """The package's features, and those that installed packages add by entry points.

    Returns
    -------
    Catalogue
        :data:`CATALOGUE` itself where no package adds any; else what is added follows, in the order
        of the entry points' names.

    Raises
    ------
    FeatureError
        If an entry point cannot be loaded, gives something else than features, or a feature whose
        name is taken or of which no reason can be told.

    Examples
    --------
    >>> installed_catalogue().names[: len(CATALOGUE)] == CATALOGUE.names
    True
    """
    found = {(entry.name, _distribution(entry)): entry for entry in entry_points(group=GROUP)}
    added: dict[str, Feature] = {}
    for _, entry in sorted(found.items()):
        for feature in _brought(entry):
            if feature.name in CATALOGUE.names or feature.name in added:
                other = added[feature.name].brought_by if feature.name in added else "paydelay itself"
                raise FeatureError(
                    f"{_named(entry)} brings a feature named {feature.name}, which {other} has already; give "
                    "it a name of its own, or uninstall one of them."
                )
            added[feature.name] = replace(feature, brought_by=_distribution(entry))
    if not added:
        return CATALOGUE
    try:
        return Catalogue((*CATALOGUE, *added.values()))
    except FeatureMismatchError as error:
        raise FeatureError(f"The features that installed packages bring do not fit: {error}") from error


def _brought(entry: EntryPoint) -> list[Feature]:
    """Features of an entry point, each of which can be computed, named and told."""
    try:
        found = entry.load()
        if callable(found) and not isinstance(found, Feature):
            found = found()
        features = [found] if isinstance(found, Feature) else list(found)
    except PaydelayError as error:
        raise FeatureError(f"{_named(entry)} cannot be used: {error}") from error
    except Exception as error:
        raise FeatureError(
            f"{_named(entry)} cannot be loaded ({type(error).__name__}); mend it, or uninstall it."
        ) from error
    for feature in features:
        if not isinstance(feature, Feature):
            raise FeatureError(
                f"{_named(entry)} gives a {type(feature).__name__}; a Feature, an iterable of them, or a "
                "function that returns one of these is expected."
            )
        fault = (
            cause_fault(feature.name, feature.cause, feature.unit, feature.words) if feature.told else None
        )
        if feature.name in _RESERVED:
            fault = f"the name {feature.name} is taken by a column of every table"
        if fault:
            raise FeatureError(f"{_named(entry)} brings a feature that cannot be used: {fault}; mend it.")
    return features


def _distribution(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else "no distribution"


def _named(entry: EntryPoint) -> str:
    return f"The entry point {entry.name} of {_distribution(entry)}"


def covariate_features(covariates: Mapping[str, pl.DataFrame]) -> tuple[Feature, ...]:
    """A feature for each numeric column of some dated tables: its last value known.

    Parameters
    ----------
    covariates : mapping of str to polars.DataFrame
        As :meth:`~paydelay.History.build` takes them.

    Returns
    -------
    tuple of Feature
        Named ``TABLE_COLUMN``, and told by these words.

    Examples
    --------
    >>> from datetime import date
    >>> rates = pl.DataFrame({"known_on": [date(2025, 1, 2)], "euribor": [2.7]})
    >>> [feature.name for feature in covariate_features({"rates": rates})]
    ['rates_euribor']
    """
    return tuple(
        _column_feature(table, column)
        for table, rows in covariates.items()
        for column in covariate_columns(rows)
    )


def _column_feature(table: str, column: str) -> Feature:
    told = f"{table} {column}".replace("_", " ")
    told = told[:1].upper() + told[1:]
    return Feature(
        f"{table}_{column}",
        "covariate",
        "ratio",
        f"Last known {column} of the covariate table {table}.",
        f"covariate({table}, {column})",
        "covariate",
        partial(_looked_up, table=table, column=column),
        words=dict.fromkeys(languages(), told),
        brought_by=f"the covariate table {table}",
    )


def _looked_up(view: PastView, table: str, column: str) -> Floats:
    return view.covariate(table, column)


def own_part(catalogue: Catalogue) -> Catalogue:
    """The features of a catalogue that are not the package's, with those that they rest on.

    Parameters
    ----------
    catalogue : Catalogue

    Returns
    -------
    Catalogue
        Empty where all are the package's.
    """
    names: list[str] = []
    wanted = [feature.name for feature in _own(catalogue)]
    while wanted:
        feature = catalogue[wanted.pop(0)]
        names.append(feature.name)
        rests_on = (feature.count, feature.shrunk_toward[0] if feature.shrunk_toward else None)
        wanted += [name for name in rests_on if name is not None and name not in (*names, *wanted)]
    return catalogue.select(names)


def _own(catalogue: Catalogue) -> list[Feature]:
    return [
        each for each in catalogue if each.name not in CATALOGUE.names or each is not CATALOGUE[each.name]
    ]


def own_declarations(catalogue: Catalogue) -> dict[str, dict[str, Any]]:
    """What features of one's own declare, as a model's manifest keeps it.

    Parameters
    ----------
    catalogue : Catalogue
        Features of the model.

    Returns
    -------
    dict
        Name to family, meaning, formula, words and what brought it (None where it came as an argument).
    """
    return {
        feature.name: {
            "family": feature.family,
            "meaning": feature.meaning,
            "formula": feature.formula,
            "words": dict(feature.words or {}),
            "brought_by": feature.brought_by,
        }
        for feature in _own(catalogue)
    }


def chosen_features(
    names: Sequence[str],
    manifest: Mapping[str, Any],
    catalogue: Catalogue,
    covariates: Mapping[str, pl.DataFrame] | None,
) -> Catalogue:
    """Features of a model, from a catalogue that has to hold them all.

    Parameters
    ----------
    names : sequence of str
        The model's features, in its order.
    manifest : mapping
        The model's own words about them.
    catalogue : Catalogue
        Holds them; others too.
    covariates : mapping of str to polars.DataFrame or None
        Dated tables that are given.

    Returns
    -------
    Catalogue

    Raises
    ------
    LedgerError
        If a covariate table that the model was trained with is not given.
    FeatureMismatchError
        If a feature is not in the catalogue.
    """
    absent = sorted(set(manifest.get("covariates", {})) - set(covariates or {}))
    if absent:
        raise LedgerError(
            f"The model was trained with the covariate {_listed('table', absent)}, and no covariate table of "
            f"that name was given; give it (covariates=, on the command line --covariates {absent[0]}=FILE)."
        )
    missing = [name for name in names if name not in catalogue.names]
    if missing:
        own = manifest.get("own_features", {})
        sources = [own.get(name, {}).get("brought_by") for name in missing]
        told = [
            f"{name} of {source}" if source else name for name, source in zip(missing, sources, strict=True)
        ]
        raise FeatureMismatchError(
            f"The model was trained with the {_listed('feature', told)}, which the catalogue lacks; install "
            "the package that brings it, or give it (catalogue=)."
        )
    return catalogue.select(names)


def _listed(what: str, names: Iterable[str]) -> str:
    listed = list(names)
    return f"{what}{'s' if len(listed) > 1 else ''} {', '.join(listed)}"
