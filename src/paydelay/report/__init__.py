"""What people see: the queue on a terminal, and the report as one HTML page.

``content`` chooses what is told and ``quality`` how good the model is; ``terminal``,
``summaries``, ``imports``, ``tunings`` and ``page`` lay it out, with ``queues`` and ``markup`` for the page.
Every word comes from :mod:`paydelay.language`.
"""

from paydelay.report.imports import assumption_sentence, print_import, refused_lines
from paydelay.report.page import check_page, report_page, write_report
from paydelay.report.quality import gate_sentences
from paydelay.report.summaries import (
    nothing_usable,
    print_check,
    print_training,
    refused_rows,
    refused_sentence,
    stale_sentence,
)
from paydelay.report.terminal import print_queue
from paydelay.report.tunings import print_tuning

__all__ = [
    "assumption_sentence",
    "check_page",
    "gate_sentences",
    "nothing_usable",
    "print_check",
    "print_import",
    "print_queue",
    "print_training",
    "print_tuning",
    "refused_lines",
    "refused_rows",
    "refused_sentence",
    "report_page",
    "stale_sentence",
    "write_report",
]
