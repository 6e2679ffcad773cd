"""Work that a scheduler runs again and again: done once, taken up where it was stopped.

``job`` reads what a run is asked for, from a YAML file and options; ``stages`` remembers of what
each artefact was made and puts it in its place whole; ``running`` is what the scripts of
``pipelines/`` end in: exit codes, and one sentence for whatever may go wrong.
"""

from paydelay.pipeline.job import AsOf, AsOfJob, Job, LedgerJob, content_of, files_of
from paydelay.pipeline.running import run
from paydelay.pipeline.stages import Stages

__all__ = ["AsOf", "AsOfJob", "Job", "LedgerJob", "Stages", "content_of", "files_of", "run"]
