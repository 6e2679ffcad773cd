"""How many reasons of the sample read as reasons, with the rule that chooses them and without.

A reason that tells the book's median explains nothing to a reader, and neither does one
that pulls the other way than its sentence suggests. Both are counted over the open book,
by invoice and by customer, as the queue tells them and as it would by contribution alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import polars as pl
from measuring import ROOT, print_table, write_json

import paydelay as pdl
from paydelay.explain.telling import Sentences
from paydelay.language import reading, rounded

SAMPLE = ROOT / "data" / "sample"
TRAIN_AS_OF = "2025-09-30"
SCORE_AS_OF = "2025-11-30"


@contextmanager
def replaced(name: str, method: Any) -> Iterator[None]:
    """A method of the sentences replaced for a while."""
    before = getattr(Sentences, name)
    setattr(Sentences, name, method)
    try:
        yield
    finally:
        setattr(Sentences, name, before)


def anything_speaks(_self: Sentences, _X: Any, known: Any) -> Any:
    """What chose reasons by contribution alone would let speak."""
    return known.copy(), known.copy()


def told(model: Any, ledger: Any) -> dict[str, Counter[str]]:
    """Counts over the reasons of all open invoices and of all customers."""
    sides: dict[str, tuple[float, int]] = {}
    tell = Sentences._tell

    def noted(self: Sentences, feature: int, value: float, *rest: float) -> str:
        text = tell(self, feature, value, *rest)
        declared, usual = self.features[feature], self.usual[feature]
        if usual is not None and declared.unit not in ("date_part", "flag"):
            more = reading(declared.cause, declared.window_days is not None).more
            sides[text] = (value - rounded(usual, declared.unit), more)
        return text

    with replaced("_tell", noted):
        scores = pdl.score(ledger, model, SCORE_AS_OF)
        queue = pdl.rank(scores, by="customer")
    return {"invoices": counted(scores.frame, sides), "customers": counted(queue.frame, sides)}


def counted(frame: pl.DataFrame, sides: dict[str, tuple[float, int]]) -> Counter[str]:
    """Reasons that contributions give, and how they read."""
    found: Counter[str] = Counter()
    for name in ("reasons_late", "reasons_unpaid"):
        for reasons in frame[name]:
            found["lists"] += 1
            found["empty"] += not len(reasons)
            for reason in reasons:
                if reason["contribution"] is None:
                    continue
                found["told"] += 1
                found["small signs"] += reason["cause"] == "small_signs"
                # A fact of the largest invoice stands behind its name.
                text = reason["text"] if reason["text"] in sides else reason["text"].partition(": ")[2]
                apart, more = sides.get(text, (np.nan, 0))
                found["like the median"] += apart == 0
                found["against its sentence"] += apart * more * reason["direction"] < 0
    return found


def main() -> None:
    """Count with the rule and without, and print both."""
    if not (SAMPLE / "invoices.parquet").exists():
        print("Skipped: data/sample is not here.")
        return
    ledger = pdl.read_ledger(SAMPLE)
    model = pdl.train(ledger, TRAIN_AS_OF)
    found = {}
    for way, rule in (
        ("by contribution alone", replaced("speaking", anything_speaks)),
        ("as told", nullcontext()),
    ):
        with rule:
            found[way] = told(model, ledger)
    names = ["lists", "told", "like the median", "against its sentence", "small signs", "empty"]
    rows = [[f"{of}, {way}", *(by[of][name] for name in names)] for way, by in found.items() for of in by]
    print_table("Reasons of the sample", ["of", *names], rows)
    write_json("reasons", {way: {of: dict(counts) for of, counts in by.items()} for way, by in found.items()})


if __name__ == "__main__":
    main()
