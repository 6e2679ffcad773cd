"""The command line: simulate, import, check, train, backtest, tune, log, promote, score, replay, report.

Exit codes: 0 done; 1 the data fell short (refused rows with --strict, a ledger too
thin, a model under its quality gate); 2 a wrong call or unusable input, with one
sentence on stderr.

``commands`` holds one function per command but for ``importing``, ``backtesting``, ``tuning``,
``tracking``, ``monitoring`` and ``replaying``, ``options`` what they have in common, ``books`` reads the
ledger and tells what is amiss with it, ``extending`` brings features and tables of one's own, ``screen``
and ``progress`` are what they show it on, and ``program`` turns every foreseen error into a sentence.
"""

from paydelay.cli.program import main

__all__ = ["main"]
