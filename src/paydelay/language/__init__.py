"""The one catalogue of everything people read, and how numbers are written.

The texts stand in ``locale/``, one YAML file per language; ``en.yaml`` describes
the format. Adding a language is adding a file: :func:`check_catalogue` tells what
it still lacks. No other module holds a sentence for a collector.
"""

from paydelay.language.catalogue import (
    OWN_WORDS,
    Entry,
    Reading,
    catalogue_faults,
    cause_fault,
    causes,
    check_catalogue,
    languages,
    read_catalogue,
    reading,
)
from paydelay.language.sentences import Evidence, detail_cause, format_window, reason_text, rounded
from paydelay.language.writing import (
    format_amount,
    format_date,
    format_days,
    format_number,
    format_share,
    phrase,
)

__all__ = [
    "OWN_WORDS",
    "Entry",
    "Evidence",
    "Reading",
    "catalogue_faults",
    "cause_fault",
    "causes",
    "check_catalogue",
    "detail_cause",
    "format_amount",
    "format_date",
    "format_days",
    "format_number",
    "format_share",
    "format_window",
    "languages",
    "phrase",
    "read_catalogue",
    "reading",
    "reason_text",
    "rounded",
]
