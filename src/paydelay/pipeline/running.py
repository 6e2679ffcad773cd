"""Runs a pipeline as a scheduler wants it: an exit code, and one sentence where it fails."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import typer

from paydelay.cli.program import end
from paydelay.pipeline.job import Job
from paydelay.pipeline.stages import Stages

AnyJob = TypeVar("AnyJob", bound=Job)


def run(
    job: type[AnyJob], steps: Callable[[AnyJob, Stages], int | None], arguments: Sequence[str] | None = None
) -> None:
    """Read a job, and take its steps.

    Parameters
    ----------
    job : type of Job
        Keys that the job has.
    steps : callable
        Given the job and the stages at its place, does the work; may return an exit code.
    arguments : sequence of str, optional
        Words after the program's name; those of this process where None.

    Raises
    ------
    SystemExit
        With 1 where the data fell short or an alarm sounds, 2 on a wrong call or unusable input.

    Examples
    --------
    >>> run(Job, lambda job, stages: None, ["--language", "fr", "--help"])
    What every job has; the keys of one's own are declared below it, each documented by a string.
    <BLANKLINE>
    Keys of the file, or options:
      --out  What is made: a file or a folder. {as_of} stands for the day.
      --language ["en"]  Language of what is told and written.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)

    def work() -> None:
        if "--help" in words:
            typer.echo(job.described())
            return
        given = job.read(words)
        with Stages(given.out, given.language) as stages:
            code = steps(given, stages)
        if code:
            raise typer.Exit(code)

    end(work)
