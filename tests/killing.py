"""Runs pipelines in processes that are killed at the n-th change of a folder, as kill -9 does.

A server process has imported what pipelines use and computed nothing, so that it has no threads;
each run is a fork of it. Changes are what Python reports of itself: files opened to be written,
folders made, renames and removals.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

_CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Server:
    """Runs scripts, and kills them where it is told to."""

    def __init__(self, *imported: str) -> None:
        command = [sys.executable, __file__, *imported]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, script: Path, arguments: list[object], watched: Path, kill_at: int = 0) -> dict[str, Any]:
        """How a run ended: ``signal``, ``code``, ``said``, and ``changes``, those it came to."""
        asked = [str(script), [str(argument) for argument in arguments], str(watched), kill_at]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@contextmanager
def serving(*imported: str):
    server = Server(*imported)
    try:
        yield server
    finally:
        server.close()


def _serve(imported: list[str]) -> None:
    for name in imported:
        __import__(name)
    for line in sys.stdin:
        script, arguments, watched, kill_at = json.loads(line)
        told, heard = os.pipe()[::-1]
        child = os.fork()
        if child == 0:
            os.close(heard)
            _run(script, arguments, watched, kill_at, told)
        os.close(told)
        with os.fdopen(heard) as stream:
            lines = stream.read().splitlines()
        _, status = os.waitpid(child, 0)
        said = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
        said["signal"] = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        print(json.dumps(said), flush=True)


def _run(script: str, arguments: list[str], watched: str, kill_at: int, told: int) -> None:
    count, code, counting = 0, 0, True

    def hook(event: str, details: tuple[Any, ...]) -> None:
        nonlocal count
        if (
            not counting
            or not (event in _CHANGES or event == "open")
            or not isinstance(details[0], str | Path)
        ):
            return
        if event == "open" and not (isinstance(details[2], int) and details[2] & _WRITING):
            return
        if str(details[0]).startswith(watched):
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.argv = [script, *arguments]
    sys.addaudithook(hook)
    with (Path(watched).parent / "said.txt").open("w+") as said:
        with redirect_stdout(said), redirect_stderr(said):
            try:
                runpy.run_path(script, run_name="__main__")
            except SystemExit as stop:
                code = int(stop.code or 0)
            except BaseException as error:  # what a test has to see, and not this process
                print(repr(error))
                code = -1
        counting = False
        said.seek(0)
        text = said.read()
    with suppress(OSError):
        os.write(told, (json.dumps({"code": code, "changes": count, "said": text}) + "\n").encode())
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1:])
