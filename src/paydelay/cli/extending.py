"""What one adds of one's own: features of installed packages, and dated tables by ``--covariates``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from paydelay.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

    from paydelay.config import Config
    from paydelay.features import Catalogue
    from paydelay.ledger import Ledger

_CHECKED_DAYS_BACK = (182, 91, 0)


class Own(NamedTuple):
    """The catalogue of a call, and the tables that it looks up."""

    catalogue: Catalogue
    covariates: dict[str, pl.DataFrame]


def ones_own(tables: Sequence[str] | None) -> Own:
    """The package's features, those of installed packages, and columns of the tables given.

    Parameters
    ----------
    tables : sequence of str or None
        Each as ``NAME=FILE``.

    Returns
    -------
    Own
        Where a package brings a feature named ``TABLE_COLUMN``, it stands for that column.

    Raises
    ------
    ConfigError
        If one is not ``NAME=FILE``, or a name is given twice.
    LedgerError
        If a table cannot be read.
    FeatureError
        If a package brings a feature that cannot be used.
    """
    from paydelay.features import Catalogue, covariate_features, installed_catalogue
    from paydelay.history import read_covariates

    catalogue, covariates = installed_catalogue(), read_covariates(_files(tables or ()))
    columns = [each for each in covariate_features(covariates) if each.name not in catalogue.names]
    return Own(Catalogue((*catalogue, *columns)) if columns else catalogue, covariates)


def _files(tables: Sequence[str]) -> dict[str, str]:
    files: dict[str, str] = {}
    for text in tables:
        name, equals, file = text.partition("=")
        if not (equals and file and name.isidentifier()):
            raise ConfigError(
                f"'{text}' names no covariate table; write NAME=FILE, such as climate=climate.csv, the name "
                "of letters, digits and underscores."
            )
        if name in files:
            raise ConfigError(f"Two covariate tables are named {name}; give each its own name.")
        files[name] = file
    return files


def check_ones_own(own: Own, books: Ledger, as_of: date, config: Config) -> None:
    """Hold features and tables of one's own against the ledger cut on some days before training.

    Parameters
    ----------
    own : Own
        What is to be trained with.
    books : Ledger
        All of them.
    as_of : date
        Day of training, the last that is looked at.
    config : Config
        The settings.

    Raises
    ------
    LeakageError
        If one sees past its date.
    """
    from paydelay.features import own_part
    from paydelay.panel import check_no_leak

    features = own_part(own.catalogue)
    if len(features):
        days = [as_of - timedelta(days=back) for back in _CHECKED_DAYS_BACK]
        check_no_leak(books, days, features, config, own.covariates)
