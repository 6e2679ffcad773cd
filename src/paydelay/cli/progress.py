"""How far a command has come, shown on stderr while somebody watches."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from paydelay.language import phrase


class _LatestStage(logging.Handler):
    """Shows on a progress bar which stage was finished last."""

    def __init__(self, progress: Any, task: Any, doing: str, language: str) -> None:
        super().__init__(logging.INFO)
        self._progress, self._task = progress, task
        self._doing, self._language = doing, language

    def say(self, doing: str, done_share: float | None = None) -> None:
        """Show what is being done now, and how much of the whole is done where that is known."""
        self._doing = doing
        self._progress.update(self._task, description=doing)
        if done_share is not None:
            self._progress.update(self._task, completed=done_share, total=1.0)

    def emit(self, record: logging.LogRecord) -> None:
        part = record.name.split(".")[1]
        try:
            done = phrase(f"progress.done.{part}", self._language)
        except KeyError:  # a stage without words of its own goes by unsaid
            return
        self._progress.update(self._task, description=f"{self._doing} ({done})")


@contextmanager
def stages(work: str, language: str) -> Iterator[Callable[..., None]]:
    """A progress bar on stderr that names the stage just done; nothing where nobody watches.

    Parameters
    ----------
    work : str
        Key of the catalogue below ``progress``.
    language : {'en', 'fr'}
        Of the words beside the bar.

    Yields
    ------
    callable
        Takes what is being done, and the share of the whole that is done, if known.
    """
    if not sys.stderr.isatty():
        yield lambda _doing, _done_share=None: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    logger = logging.getLogger("paydelay")
    doing = phrase(f"progress.{work}", language)
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        handler = _LatestStage(progress, progress.add_task(doing, total=None), doing, language)
        before = logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            yield handler.say
        finally:
            logger.removeHandler(handler)
            logger.setLevel(before)
