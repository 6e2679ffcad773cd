"""What people see: the queue on a terminal, the day's report and that of a backtest as HTML pages.

``content`` chooses what is told and ``quality`` how good the model is; ``terminal``,
``summaries``, ``imports``, ``tunings`` and ``page`` lay it out, with ``queues`` and ``markup`` for
the page. Of a backtest ``proof_content`` chooses what is told, ``proofs`` prints it,
``backtest_page`` and ``backtest_tables`` lay it out, and ``model_card`` writes the card beside
it. Of past scores ``monitoring_content`` chooses, ``monitorings`` prints and
``monitoring_page`` lays out. Every word comes from :mod:`paydelay.language`.
"""

from paydelay.report.backtest_page import backtest_page, write_backtest_report
from paydelay.report.imports import assumption_sentence, print_import, refused_lines
from paydelay.report.model_card import model_card
from paydelay.report.monitoring_page import monitoring_page, write_monitoring_report
from paydelay.report.monitorings import print_monitoring
from paydelay.report.page import check_page, report_page, write_report
from paydelay.report.proofs import print_backtest
from paydelay.report.quality import gate_sentences
from paydelay.report.replays import print_replay
from paydelay.report.summaries import (
    nothing_usable,
    print_check,
    print_training,
    refused_rows,
    refused_sentence,
)
from paydelay.report.terminal import print_queue
from paydelay.report.tunings import print_tuning

__all__ = [
    "assumption_sentence",
    "backtest_page",
    "check_page",
    "gate_sentences",
    "model_card",
    "monitoring_page",
    "nothing_usable",
    "print_backtest",
    "print_check",
    "print_import",
    "print_monitoring",
    "print_queue",
    "print_replay",
    "print_training",
    "print_tuning",
    "refused_lines",
    "refused_rows",
    "refused_sentence",
    "report_page",
    "write_backtest_report",
    "write_monitoring_report",
    "write_report",
]
