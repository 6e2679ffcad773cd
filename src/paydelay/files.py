"""Files and folders that are there in whole or not at all.

What is written goes into a draft beside its place and takes it by a rename, so
that a reader never sees half of it and a failure leaves what was there before.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing_file(path: Path) -> Iterator[BinaryIO]:
    """Open a draft that takes the place of a file once it is whole.

    Parameters
    ----------
    path : Path
        The file; its folder is made where it does not exist. Through a link, the
        file it points to is replaced and not the link.

    Yields
    ------
    BinaryIO
        The draft.

    Raises
    ------
    OSError
        If the place cannot be written to.

    Examples
    --------
    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp()) / "queue.csv"
    >>> with replacing_file(place) as draft:
    ...     written = draft.write(b"rank,invoice")
    >>> place.read_text()
    'rank,invoice'
    """
    place = path.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft_of(place)
    try:
        with draft.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: Path, ours: Callable[[str], bool] | None = None) -> Iterator[Path]:
    """Make a draft that takes the place of a folder once it is whole.

    Parameters
    ----------
    folder : Path
        The folder; the one above it is made where it does not exist.
    ours : callable, optional
        Whether a name in the former folder may be removed; everything may where
        None. What may not is carried over.

    Yields
    ------
    Path
        The draft.

    Raises
    ------
    OSError
        If the place cannot be written to.

    Examples
    --------
    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp()) / "model"
    >>> with replacing_folder(place) as draft:
    ...     written = (draft / "manifest.json").write_text("{}")
    >>> [path.name for path in place.iterdir()]
    ['manifest.json']
    """
    place = folder.resolve()
    draft = _draft_of(place)
    try:
        draft.mkdir(parents=True)
        yield draft
        _take_place(draft, place, ours)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _draft_of(place: Path) -> Path:
    return place.with_name(f".paydelay-{uuid.uuid4().hex}.tmp")


def _take_place(draft: Path, place: Path, ours: Callable[[str], bool] | None) -> None:
    if not place.exists():
        draft.rename(place)
        return
    former = draft.with_suffix(".former")
    place.rename(former)
    try:
        draft.rename(place)
    except OSError:
        former.rename(place)
        raise
    if ours is not None:
        for path in former.iterdir():
            if not ours(path.name):
                path.rename(place / path.name)
    shutil.rmtree(former)
