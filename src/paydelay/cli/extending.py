"""What one adds of one's own: features of installed packages, and dated tables by ``--covariates``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from paydelay.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

    from paydelay.config import Config
    from paydelay.features import Catalogue
    from paydelay.ledger import Ledger

_CHECKED_DAYS_BACK = (182, 91, 0)


class Own(NamedTuple):
    """The catalogue of a call, the tables that it looks up, and how these were given."""

    catalogue: Catalogue
    covariates: dict[str, pl.DataFrame]
    given: tuple[str, ...] = ()

    def arguments(self) -> dict[str, Any]:
        """Catalogue and tables by the names under which the library takes them."""
        return {"catalogue": self.catalogue, "covariates": self.covariates}

    def options(self) -> str:
        """The words, after a space, that give the same tables to another command."""
        return "".join(f" --covariates {text}" for text in self.given)

    def recorded(self, as_of: date | None = None) -> dict[str, Any]:
        """All that results depend on, as plain data: what the features declare, what the tables hold.

        Parameters
        ----------
        as_of : date, optional
            Rows of a table that were known later do not count.
        """
        from paydelay.features import own_identity

        return own_identity(self.catalogue, self.covariates, as_of)


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
    return Own(Catalogue((*catalogue, *columns)) if columns else catalogue, covariates, tuple(tables or ()))


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
