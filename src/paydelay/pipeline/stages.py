"""Stages of one piece of work: what was made of which inputs, put in its place whole.

Beside the place of the work, ``out``, lies a hidden folder ``.out.paydelay``. Its ``done.json``
holds per stage the fingerprints of the inputs and of the files that were made of them; drafts
lie there until they are whole. So a run knows whether it has anything to do, and a run that
was killed leaves nothing beside the place but that folder, which the next one clears.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import typer

from paydelay.errors import ConcurrentRunError, TargetError
from paydelay.files import replacing_file
from paydelay.language import phrase

_RECORDS_FILE = "done.json"
_HALF_WRITTEN = ".paydelay-*"
_DEPENDENCIES = ("lightgbm", "numpy", "polars", "optuna")
"""What figures depend on besides the package's own files."""
_INSTALLED = ("*.py", "*.yaml", "*.css")
"""Files of the package that what is made depends on."""

Made = dict[str, Any]
"""What a stage has to say of what it made, as plain data."""


class _Task(NamedTuple):
    """One stage as it is asked for."""

    stage: str
    key: dict[str, str]
    draft: Path
    places: bool
    resumable: bool


class Stages:
    """The stages of the work at one place; one run at a time.

    Parameters
    ----------
    out : Path
        What the work makes: a file or a folder.
    language : {'en', 'fr'}
        Of what is told.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> def squares(draft: Path) -> dict[str, int]:
    ...     _ = draft.write_text("1 4 9")
    ...     return {"count": 3}
    >>> with TemporaryDirectory() as folder:
    ...     for _ in range(2):
    ...         with Stages(Path(folder) / "squares.txt") as stages:
    ...             made = stages.run("scores", {"settings": {"last": 3}}, squares)
    Scores: nothing to do, made of the same inputs before.
    >>> made
    {'count': 3}
    """

    def __init__(self, out: Path, language: str = "en") -> None:
        place = out.resolve()
        if not place.name:
            raise TargetError(f"{out} cannot be written to; name a file or a folder of its own.")
        self.out, self.language = place, language
        self._named = str(out)
        self._kept = place.with_name(f".{place.name}.paydelay")
        self._records: dict[str, dict[str, Any]] = {}
        self._lock: int | None = None
        self._worked = False
        # Folders that are not there yet: where nothing comes of the work, they go again.
        self._above = [folder for folder in place.parents if not folder.exists()]

    def __enter__(self) -> Stages:
        try:
            self._lock = _alone(self._kept, self.language)
            for half in self._kept.glob(_HALF_WRITTEN):
                half.unlink(missing_ok=True)
            self._records = _read(self._kept / _RECORDS_FILE)
            self._restore()
        except OSError as error:
            raise _unwritable(self.out, error) from error
        return self

    def __exit__(self, *_: object) -> None:
        for folder in (self._kept, *self._above):
            with suppress(OSError):  # It holds something, as it should where something came of the work.
                folder.rmdir()
        if self._lock is not None:
            os.close(self._lock)

    def run(
        self,
        stage: str,
        inputs: Mapping[str, Any],
        make: Callable[[Path], Made | None],
        *,
        places: bool = True,
        resumable: bool = False,
    ) -> Made:
        """Make what a stage makes, unless it was made of the same inputs before.

        Parameters
        ----------
        stage : str
            Its name: a key of the catalogue below ``pipeline.stage``, or one of your own.
        inputs : mapping of str to plain data
            All that the result depends on, by names that are told where they change: keys of the
            catalogue below ``pipeline.input``, or your own. The package's code is added.
        make : callable
            Given a path, makes a file or a folder there, and may return plain data to remember.
        places : bool
            Whether what is made takes its place at ``out``; else only what is returned counts.
        resumable : bool
            Whether ``make`` can go on with a draft that was left by a run with the same inputs.

        Returns
        -------
        dict
            What ``make`` returned, now or then.

        Raises
        ------
        TargetError
            If the place holds what no run of this stage has made, or cannot be written to.
        """
        key = {name: _sha256(value) for name, value in {**inputs, "code": _code()}.items()}
        task = _Task(stage, key, self._kept / stage / self.out.name, places, resumable)
        before = self._records.get(stage)
        try:
            if before is not None and before["inputs"] == key and self._is_done(task):
                self._worked = False
            else:
                self._worked = True
                if places:
                    self._require_ours(stage)
                if not (resumable and before is not None and before["inputs"] == key):
                    _remove(task.draft.parent)
                self._say_why(task)
                self._make(task, make)
            _remove(task.draft.parent)
        except OSError as error:
            raise _unwritable(self.out, error) from error
        return dict(self._records[stage]["result"])

    def tell(self, text: str, **values: Any) -> None:
        """Say what came of the last stage, where it had anything to do.

        Parameters
        ----------
        text : str
            A key of the catalogue.
        **values
            Of its placeholders; ``target`` is the place.
        """
        if self._worked:
            typer.echo(phrase(text, self.language, target=self._named, **values))

    def _is_done(self, task: _Task) -> bool:
        """Whether all is as the record has it; what was whole and not yet in its place is put there."""
        made = self._records[task.stage]["made"]
        if made is None:
            return False
        there = not task.places or _holds(self.out, made)
        if not there:
            if not _holds(task.draft, made):
                return False
            self._place(task)
        self._say("nothing" if there else "placed", task.stage)
        return True

    def _make(self, task: _Task, make: Callable[[Path], Made | None]) -> None:
        before = self._records.get(task.stage)
        names = [] if before is None else before["names"]
        task.draft.parent.mkdir(exist_ok=True)
        for half in task.draft.parent.rglob(_HALF_WRITTEN):
            _remove(half)
        # Said first: what this run leaves, wherever it is stopped, is known as its own.
        self._record(task, names, None, {})
        try:
            result = make(task.draft) or {}
            made = _hashes(task.draft) if task.places else {}
        except BaseException:
            if not (task.resumable and any(task.draft.parent.iterdir())):
                _remove(task.draft.parent)
                self._forget(task.stage, before)
            raise
        self._record(task, {*names, *made}, made, result)
        if task.places:
            self._place(task)

    def _record(self, task: _Task, names: Iterable[str], made: dict[str, str] | None, result: Made) -> None:
        self._records[task.stage] = {
            "inputs": task.key,
            "names": sorted(names),
            "made": made,
            "result": result,
        }
        self._write()

    def _forget(self, stage: str, before: dict[str, Any] | None) -> None:
        """What failed counts for nothing: what was made before is as good as it was."""
        del self._records[stage]
        if before is not None:
            self._records[stage] = before
        self._write()

    def _write(self) -> None:
        file = self._kept / _RECORDS_FILE
        if not self._records:
            file.unlink(missing_ok=True)
            return
        with replacing_file(file) as draft:
            draft.write((json.dumps(self._records, indent=1) + "\n").encode())

    def _place(self, task: _Task) -> None:
        """Let the draft take its place; a folder that is there is set aside first."""
        # Once more: hours may have gone by.
        self._require_ours(task.stage)
        former = self._former(task.stage)
        if self.out.is_dir():
            self.out.rename(former)
        task.draft.replace(self.out)
        _remove(former)

    def _former(self, stage: str) -> Path:
        return self._kept / f"{stage}.former"

    def _restore(self) -> None:
        """A run that was killed between two renames has left the place empty."""
        for stage in self._records:
            former = self._former(stage)
            if former.exists() and not self.out.exists():
                former.rename(self.out)
            _remove(former)

    def _require_ours(self, stage: str) -> None:
        """A folder is replaced only where all it holds was made here; a file as delivery does."""
        if not self.out.is_dir():
            return
        ours = self._records.get(stage, {}).get("names", ())
        if set(_files(self.out)) - set(ours):
            raise TargetError(phrase("pipeline.not_ours", self.language, target=self._named))

    def _say_why(self, task: _Task) -> None:
        """Why there is something to do, where there was a run before."""
        before = self._records.get(task.stage)
        if before is None:
            return
        changed = [name for name in task.key if before["inputs"].get(name) != task.key[name]]
        if changed:
            self._say("changed", task.stage, names=", ".join(self._name("input", name) for name in changed))
        else:
            stopped = "goes_on" if task.resumable else "begins"
            self._say(stopped if before["made"] is None else "lost", task.stage)

    def _say(self, what: str, stage: str, **values: str) -> None:
        named = self._name("stage", stage)
        typer.echo(phrase(f"pipeline.{what}", self.language, stage=named, **values))

    def _name(self, what: str, name: str) -> str:
        """A name in words, or as it is where it is the user's own."""
        try:
            return phrase(f"pipeline.{what}.{name}", self.language)
        except KeyError:
            return name


def _alone(folder: Path, language: str) -> int | None:
    """A lock on the folder, made where there is none, which the system lets go of if we die."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        if importlib.util.find_spec("fcntl") is None:
            return None  # Windows has no such lock: there, two runs at once are not told apart.
        import fcntl

        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if folder.exists() and os.path.samestat(os.fstat(lock), folder.stat()):
                return lock
        except BlockingIOError:
            os.close(lock)
            raise ConcurrentRunError(phrase("pipeline.busy", language)) from None
        # Whoever was here before has taken the folder away.
        os.close(lock)


def _read(file: Path) -> dict[str, dict[str, Any]]:
    """The records; where they cannot be read, nothing was made."""
    try:
        records = json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return records if isinstance(records, dict) else {}


def _files(place: Path) -> dict[str, Path]:
    """Every file below a folder by its name there; a file alone has none."""
    if place.is_dir():
        return {
            path.relative_to(place).as_posix(): path for path in sorted(place.rglob("*")) if path.is_file()
        }
    return {"": place} if place.is_file() else {}


def _hashes(place: Path) -> dict[str, str]:
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in _files(place).items()}


def _holds(place: Path, made: Mapping[str, str]) -> bool:
    """Whether all that was made is there, as it was made."""
    return made.items() <= _hashes(place).items()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _unwritable(place: Path, error: OSError) -> TargetError:
    why = error.strerror or "the path is not usable"
    return TargetError(f"{place} cannot be written to ({why}); name a place that can.")


def _sha256(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@cache
def _code() -> dict[str, Any]:
    """The package's own files, and the versions of what it computes with."""
    versions: dict[str, str | None] = {}
    for name in _DEPENDENCIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    return {"package": _content(Path(__file__).parents[1]), "versions": versions}


def _content(package: Path) -> str:
    """Of the files that are installed, wherever they lie: not what Python compiles them to."""
    digest = hashlib.sha256()
    inside = {path.relative_to(package).as_posix(): path for end in _INSTALLED for path in package.rglob(end)}
    for name, path in sorted(inside.items()):
        digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
