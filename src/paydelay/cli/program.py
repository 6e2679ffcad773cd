"""Runs the command line: one sentence and an exit code for whatever may go wrong."""

from __future__ import annotations

import errno
import io
import os
import sys
import warnings
from collections.abc import Callable, Sequence

import typer

from paydelay.cli.commands import application
from paydelay.errors import ConfigError, PaydelayError, StaleBooksWarning


def _call(arguments: Sequence[str] | None) -> None:
    """Parse and run one command.

    Not by typer's own runner: it tells a wrong call in several lines, and a closed pipe
    by the exit code of data that fell short.
    """
    command = typer.main.get_command(application)
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with command.make_context("paydelay", given) as context:
            command.invoke(context)
    except typer.TyperException as error:
        # What typer raises of a wrong call knows its command and words it; its public base does not.
        told = getattr(error, "format_message", error.__str__)().replace("Value error, ", "")
        asked = getattr(getattr(error, "ctx", None), "command_path", "paydelay")
        raise ConfigError(f"{told.rstrip('.')}; '{asked} --help' tells what is possible.") from error


def _flush() -> None:
    """Write out what standard output still holds."""
    if sys.stdout is None:  # it was closed before the program began
        return
    try:
        sys.stdout.flush()
    except OSError:
        # Python would try once more on its way out, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; every foreseen error ends in one sentence on stderr.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after the program's name; those of this process where None.

    Raises
    ------
    SystemExit
        With the exit code, where it is not 0.

    Examples
    --------
    >>> main(["--version"])
    Traceback (most recent call last):
    SystemExit: 0
    """
    end(lambda: _call(arguments))


def end(work: Callable[[], None]) -> None:
    """Do what a program is for, and end it as a command ends.

    Parameters
    ----------
    work : callable
        Takes nothing; it may raise whatever it likes.

    Raises
    ------
    SystemExit
        With the exit code, where it is not 0.

    Examples
    --------
    >>> end(lambda: None)
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that lacks a letter shows another one; the work is not lost for it.
        sys.stdout.reconfigure(errors="replace")
    try:
        try:
            with warnings.catch_warnings():
                # It is told in the reader's language.
                warnings.simplefilter("ignore", StaleBooksWarning)
                work()
        finally:
            _flush()
    except typer.Exit as stop:
        raise SystemExit(stop.exit_code) from None
    except PaydelayError as error:
        typer.echo(f"paydelay: {error}", err=True)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        raise SystemExit(0) from None
    except Exception as error:
        if os.environ.get("PAYDELAY_DEBUG"):
            raise
        told = f"an unforeseen {type(error).__name__}; set PAYDELAY_DEBUG=1 to see where, and report it."
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            told = "the disk is full where the output goes; make room and try again."
        typer.echo(f"paydelay: {told}", err=True)
        raise SystemExit(2) from None
