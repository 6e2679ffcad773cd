"""A debtor book whose truth is known.

Read from the top: `book` runs the days and writes the result; `process` is
one day; `paperwork`, `payments` and `collection` are its three parts, and
`choice` is the formula behind every hazard. `settings`, `days`, `agents`,
`world` and `pool` hold the state, `orders`, `clerk` and `master` make the
papers, `tables` and `truth` the frames.
"""

from paydelay.simulate.book import Simulation, simulate
from paydelay.simulate.settings import SimulationSettings

__all__ = ["Simulation", "SimulationSettings", "simulate"]
