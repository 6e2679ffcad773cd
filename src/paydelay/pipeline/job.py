"""What a run is asked for: keys of a YAML file, each of which an option may replace."""

from __future__ import annotations

import difflib
import hashlib
import json
import uuid
from collections.abc import Iterable, Sequence, Set
from datetime import date
from glob import glob
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_origin

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from paydelay.cli.books import usable_ledger
from paydelay.cli.extending import Own, ones_own
from paydelay.cli.options import day
from paydelay.config import Config
from paydelay.config_faults import allowed, read_settings
from paydelay.errors import ConfigError, LedgerError
from paydelay.history import cut_ledger
from paydelay.language import languages, phrase
from paydelay.ledger import Ledger
from paydelay.plain_yaml import PlainLoader

AsOf = Annotated[date, BeforeValidator(lambda value: day(str(value)))]
"""A day; its close counts."""


class Job(BaseModel):
    """What every job has; the keys of one's own are declared below it, each documented by a string.

    Parameters
    ----------
    out : Path
        What is made: a file or a folder. ``{as_of}`` stands for the day, where the job has one.
    language : {'en', 'fr'}
        Of what is told and written.

    Examples
    --------
    >>> class Counting(Job):
    ...     until: int = 3
    >>> Counting.read(["--out", "numbers.csv", "--until", "7"]).until
    7
    >>> Counting.read(["--out", "numbers.csv", "--untill", "7"])
    Traceback (most recent call last):
    paydelay.errors.ConfigError: untill is no key of this job; did you mean until?
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    out: Path
    """What is made: a file or a folder. {as_of} stands for the day."""
    language: Literal["en", "fr"] = "en"
    """Language of what is told and written."""

    @classmethod
    def read(cls, arguments: Sequence[str]) -> Self:
        """The job that a YAML file, if one is named, and options describe.

        Parameters
        ----------
        arguments : sequence of str
            A YAML file or nothing, then ``--key value`` pairs, which count before the file. A key
            that holds a list may be repeated.

        Returns
        -------
        Job

        Raises
        ------
        ConfigError
            If a key is unknown, missing or not usable, or the file cannot be read.
        """
        listed = {name for name, field in cls.model_fields.items() if get_origin(field.annotation) is list}
        values, language = _values(arguments, listed)
        try:
            job = cls.model_validate_json(json.dumps(values), strict=True)
        except ValidationError as error:
            raise ConfigError(_told(error, cls, language)) from None
        as_of = getattr(job, "as_of", None)
        placed = str(job.out).replace("{as_of}", str(as_of)) if as_of else str(job.out)
        return job.model_copy(update={"out": Path(placed)})

    def settings(self, *names: str) -> dict[str, Any]:
        """Keys as plain data: an input of a stage.

        Parameters
        ----------
        *names : str
            The keys; without one all that name no place of the ledger, tables, the settings or
            the result.

        Returns
        -------
        dict
        """
        asked = set(names) or set(type(self).model_fields) - {"ledger", "covariates", "config", "out"}
        return self.model_dump(mode="json", include=asked)

    @classmethod
    def described(cls) -> str:
        """What the job does and takes, for ``--help``.

        Returns
        -------
        str
        """
        lines = [(cls.__doc__ or "").partition("\n")[0], "", "Keys of the file, or options:"]
        for name, field in cls.model_fields.items():
            default = "" if field.is_required() else f" [{json.dumps(field.default, default=str)}]"
            lines.append(f"  --{name.replace('_', '-')}{default}  {field.description or ''}")
        return "\n".join(lines)


class LedgerJob(Job):
    """A job on a ledger.

    Parameters
    ----------
    ledger : Path
        Ledger folder.
    config : Path or None
        Settings in YAML.
    covariates : list of str
        Dated tables of one's own, each as ``NAME=FILE``.
    """

    ledger: Path
    """Ledger folder."""
    config: Path | None = None
    """Settings in YAML."""
    covariates: list[str] = Field(default=[])
    """Dated tables of one's own, each NAME=FILE, .csv or .parquet."""

    def books(self) -> Ledger:
        """The ledger; what of it was refused is told on stderr.

        Returns
        -------
        Ledger

        Raises
        ------
        LedgerError
            If it cannot be read, or every invoice was refused.
        """
        return usable_ledger(self.ledger, self.language)

    def own(self) -> Own:
        """Features that installed packages bring, and the tables of one's own.

        Returns
        -------
        Own

        Raises
        ------
        PaydelayError
            As the commands do, where a table or a feature cannot be used.
        """
        return ones_own(self.covariates)

    def known(self, ledger: Ledger, own: Own, config: Config | None = None) -> dict[str, Any]:
        """What books, features of one's own and settings say: inputs of a stage.

        Parameters
        ----------
        ledger : Ledger
            The books, to the end.
        own : Own
            As :meth:`own` gives them.
        config : Config, optional
            None where the model's own settings count.

        Returns
        -------
        dict
        """
        return {"ledger": ledger.fingerprint(), "own": own.recorded()} | _recorded(config)


class AsOfJob(LedgerJob):
    """A job on a ledger as it was known at the close of a day.

    Parameters
    ----------
    as_of : date
        The day.
    """

    as_of: AsOf
    """Day, such as 2025-11-30; its close counts."""

    def known(self, ledger: Ledger, own: Own, config: Config | None = None) -> dict[str, Any]:
        """What books and features of one's own said at the close of the day, and settings.

        Parameters
        ----------
        ledger : Ledger
            The books, to the end.
        own : Own
            As :meth:`own` gives them.
        config : Config, optional
            None where the model's own settings count.

        Returns
        -------
        dict
            Inputs of a stage; what is recorded later changes nothing.
        """
        known = {"ledger": cut_ledger(ledger, self.as_of).fingerprint(), "own": own.recorded(self.as_of)}
        return known | _recorded(config)


def _recorded(config: Config | None) -> dict[str, Any]:
    return {"config": config and config.recorded()}


def files_of(patterns: Iterable[str]) -> list[str]:
    """Names of files, with patterns replaced by what they find.

    Parameters
    ----------
    patterns : iterable of str
        Names, patterns such as ``exports/*.txt``, addresses of databases.

    Returns
    -------
    list of str
        In the order given, what a pattern finds by name. One that finds nothing stays.

    Examples
    --------
    >>> files_of(["of nobody.txt"])
    ['of nobody.txt']
    """
    # pathlib's own takes no pattern that begins at the root.
    return [name for pattern in patterns for name in sorted(glob(pattern)) or [pattern]]  # noqa: PTH207


def content_of(paths: Iterable[str | Path]) -> list[str]:
    """Fingerprints of files, and of all that lies in folders: inputs of a stage.

    Parameters
    ----------
    paths : iterable of str or Path
        Files or folders; hidden ones within a folder do not count. What a database holds is
        known only by reading it: its address is another input each time.

    Returns
    -------
    list of str
        One SHA-256 per file with its name, in the order given.

    Raises
    ------
    LedgerError
        If one cannot be read.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "queue.csv").write_text("rank,invoice")
    ...     content_of([folder]) == content_of([Path(folder) / "queue.csv"])
    True
    """
    found = []
    for given in paths:
        if "://" in str(given):
            found.append(uuid.uuid4().hex)
            continue
        path = Path(given)
        inside = sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]
        for file in inside:
            if path.is_dir() and file.name.startswith("."):
                continue
            try:
                found.append(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}")
            except OSError as error:
                raise LedgerError(
                    f"{file} cannot be read ({error.strerror}); name a file that can."
                ) from error
    return found


def _values(arguments: Sequence[str], listed: Set[str]) -> tuple[dict[str, Any], str]:
    """Keys with their values, and the language to complain in."""
    words: list[str] = list(arguments)
    options: dict[str, Any] = {}
    file = words.pop(0) if words and not words[0].startswith("--") else None
    while words:
        name, equals, value = words.pop(0).partition("=")
        if not name.startswith("--") or not (equals or words):
            raise ConfigError(
                f"'{name}' stands where an option belongs; give a YAML file first, then pairs such as "
                "--as-of 2025-11-30."
            )
        key, given = name[2:].replace("-", "_"), _typed(value if equals else words.pop(0))
        if key in listed:
            # Of a list that is given piece by piece none is to be lost.
            given = options.get(key, []) + (given if isinstance(given, list) else [given])
        options[key] = given
    asked = options.get("language")
    values = read_settings(Path(file), asked if asked in languages() else "en") if file else {}
    if not isinstance(values, dict):
        raise ConfigError(f"{Path(str(file)).name} holds no keys; give lines such as 'as_of: 2025-11-30'.")
    values = {str(name): value for name, value in values.items()} | options
    spoken = values.get("language")
    return values, spoken if spoken in languages() else "en"


def _typed(text: str) -> Any:
    """A value of the command line, as the file would have it."""
    try:
        return yaml.load(text, PlainLoader)
    except yaml.YAMLError:
        return text


def _told(error: ValidationError, job: type[Job], language: str) -> str:
    """What is wrong with a job, in one sentence about the first fault."""
    first = error.errors()[0]
    name = str(first["loc"][0])
    if first["type"] == "missing":
        return phrase("pipeline.key_missing", language, given=name, option=f"--{name.replace('_', '-')}")
    if name not in job.model_fields:
        near = difflib.get_close_matches(name, job.model_fields, n=1)
        keys = ", ".join(job.model_fields)
        what = "key_nearest" if near else "key_unknown"
        return phrase(f"pipeline.{what}", language, given=name, near="".join(near), keys=keys)
    schema = job.model_json_schema()["properties"][name]
    return phrase("pipeline.key_unusable", language, given=name, wanted=allowed(schema, language))
