"""One sentence where a package or a system library is missing.

LightGBM's wheels load an OpenMP runtime from the system, which slim images
lack, and the packages of an extra may not be installed. Both end in long
tracebacks; the modules that own such a package import it under
:func:`importing`, which says what to install instead.

:func:`main` runs at the end of an installation and tells whether this machine
can run paydelay.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from paydelay.errors import MissingDependencyError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

_EXTRA_OF_PACKAGE = {
    "currency_converter": "rates",
    "dask": "dask",
    "distributed": "dask",
    "duckdb": "sql",
    "fastapi": "serve",
    "fastexcel": "excel",
    "matplotlib": "train",
    "mlflow": "train",
    "optuna": "train",
    "pandas": "train",
    "prometheus_client": "serve",
    "psycopg": "sql",
    "pyarrow": "train",
    "shap": "explain",
    "sklearn": "train",
    "sqlalchemy": "sql",
    "uvicorn": "serve",
}
_OPENMP_LIBRARIES = ("libgomp", "libomp")
_OPENMP_ADVICE = (
    "The system's OpenMP library is missing, which LightGBM needs: install it "
    "(Debian and Ubuntu: apt-get install libgomp1; Fedora: dnf install libgomp; "
    "Alpine: apk add libgomp; macOS: brew install libomp) and try again."
)


@contextmanager
def importing(purpose: str) -> Iterator[None]:
    """Say in one sentence what to install where an import inside fails.

    Only a package or a system library that is absent is reworded; any other
    failure of an import is a bug and keeps its traceback.

    Parameters
    ----------
    purpose : str
        What the import is for, as the start of a sentence: "Training a model".

    Yields
    ------
    None
        The import statements go inside the ``with`` block, so that type and
        layer checks still see them.

    Raises
    ------
    MissingDependencyError
        If a package or the OpenMP library of the system is not installed.

    Examples
    --------
    >>> with importing("Reading a table"):
    ...     import polars
    >>> with importing("Reading the stars"):
    ...     import astrolabe_of_nobody
    Traceback (most recent call last):
    paydelay.errors.MissingDependencyError: Reading the stars needs the package \
astrolabe_of_nobody: install it with pip install astrolabe_of_nobody.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if not package or package == "paydelay":
            raise
        extra = _EXTRA_OF_PACKAGE.get(package)
        what = f"'paydelay[{extra}]'" if extra else package
        raise MissingDependencyError(
            f"{purpose} needs the package {package}: install it with pip install {what}."
        ) from error
    except OSError as error:
        if not any(library in str(error) for library in _OPENMP_LIBRARIES):
            raise
        raise MissingDependencyError(_OPENMP_ADVICE) from error


def pandas_frame(frame: pl.DataFrame) -> pd.DataFrame:
    """Give a frame as one of pandas.

    Parameters
    ----------
    frame : polars.DataFrame
        Any rows.

    Returns
    -------
    pandas.DataFrame
        The same rows and columns.

    Raises
    ------
    MissingDependencyError
        If pandas or pyarrow is not installed.

    Examples
    --------
    >>> import polars as pl
    >>> pandas_frame(pl.DataFrame({"priority_rank": [1, 2]})).shape
    (2, 1)
    """
    try:
        return frame.to_pandas()
    except ImportError as error:
        raise MissingDependencyError(
            "A pandas frame was asked for, but pandas and pyarrow are not both installed; "
            "install paydelay[train], or use .frame (polars)."
        ) from error


def check() -> None:
    """Try what every model needs: that LightGBM loads on this machine.

    Raises
    ------
    MissingDependencyError
        If LightGBM, or the system library it loads, is missing.

    Examples
    --------
    >>> check()
    """
    with importing("Training or scoring with a model"):
        # By name: this module may not depend on what it only tries out.
        importlib.import_module("lightgbm")


def main() -> int:
    """Run the check as a command.

    Returns
    -------
    int
        0 where this machine can run paydelay, else 2 with a sentence on stderr.
    """
    try:
        check()
    except MissingDependencyError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0
