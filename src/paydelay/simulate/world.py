"""Liquidity that moves day by day: each customer's own, its sector's mood, the whole economy's."""

from __future__ import annotations

import numpy as np

from paydelay.simulate.agents import Agents
from paydelay.simulate.days import SECTORS, Array, Days

# Half-lives of 45, 90 and 180 days; the standard deviations are those of the stationary process.
_OWN_PULL, _OWN_SPREAD = 1 - 0.5 ** (1 / 45), 0.8
_MOOD_PULL, _MOOD_SPREAD = 1 - 0.5 ** (1 / 90), 0.35
_MACRO_PULL, _MACRO_SPREAD = 1 - 0.5 ** (1 / 180), 0.20
_DISTRESS_LEVEL = -3.6
# In distress the pull is stronger: the slide takes weeks and shows in the payments before the failure.
_DISTRESS_PULL = 1 - 0.5 ** (1 / 25)
_FAIL_RATE, _RECOVER_RATE = 1 / 150, 1 / 190
_OWN_STEP = _OWN_SPREAD * (2 * _OWN_PULL) ** 0.5
_MOOD_STEP = _MOOD_SPREAD * (2 * _MOOD_PULL) ** 0.5
_MACRO_STEP = _MACRO_SPREAD * (2 * _MACRO_PULL) ** 0.5
_GROUP_SHARE = 0.6
# Of those who fall into distress this share fails; the rate of entry is scaled by it.
_FAIL_SHARE = _FAIL_RATE / (_FAIL_RATE + _RECOVER_RATE)
_SUDDEN_SHARE = 0.12
# Courts sit on business days only; the rate per calendar day is kept.
_COURT_FACTOR = 365.25 / 253
# A customer that stopped ordering is lost from sight after a while.
_SIGHT_DAYS = 90


class World:
    """The state of liquidity and solvency of all agents on one day.

    Parameters
    ----------
    agents : Agents
        Whose liquidity it is.
    days : Days
        Season and climate.
    rng : numpy.random.Generator
        Source of the draws of the first day.

    Attributes
    ----------
    own : ndarray of float32, shape (agents,)
        A customer's own deviation from its usual liquidity.
    mood : ndarray, shape (worlds, sectors)
        Mood of the sectors.
    macro : ndarray, shape (worlds,)
        State of the economy.
    distressed, insolvent : ndarray of bool, shape (agents,)
        Sliding, and failed for good.
    liquidity : ndarray of float32, shape (agents,)
        The sum of all parts on the current day: above 0 comfortable, below -2 short of cash.
    """

    def __init__(self, agents: Agents, days: Days, rng: np.random.Generator) -> None:
        count = len(agents)
        self.agents = agents
        self.days = days
        self.own: Array = (_OWN_SPREAD * rng.standard_normal(count)).astype(np.float32)
        self.mood: Array = _MOOD_SPREAD * rng.standard_normal((1, len(SECTORS)))
        self.macro: Array = _MACRO_SPREAD * rng.standard_normal(1)
        # Distress lasts 1 / (fail + recover) days on average: its stationary share at the start.
        mean_days = 1 / (_FAIL_RATE + _RECOVER_RATE)
        entry = agents.distress_rate / _FAIL_SHARE / 365.25
        self.distressed: Array = rng.random(count) < entry * mean_days
        self.insolvent: Array = np.zeros(count, dtype=bool)
        self.liquidity: Array = np.zeros(count, dtype=np.float32)
        self._see(0)

    def copies(self, agents: Agents, rows: Array, path_count: int) -> World:
        """Independent copies of the world as it stands, for some of its agents.

        Parameters
        ----------
        agents : Agents
            The agents of all copies, copy by copy, their ``world`` set.
        rows : ndarray of int
            Positions of one copy's agents in this world.
        path_count : int
            Number of copies.

        Returns
        -------
        World
            A world that shares nothing with this one.
        """
        twin = object.__new__(World)
        twin.agents, twin.days = agents, self.days
        for name in ("own", "distressed", "insolvent", "liquidity"):
            setattr(twin, name, np.tile(getattr(self, name)[rows], path_count))
        twin.mood = np.repeat(self.mood, path_count, axis=0)
        twin.macro = np.repeat(self.macro, path_count)
        return twin

    def advance(self, day: int, rng: np.random.Generator) -> Array:
        """Move to the next day.

        Parameters
        ----------
        day : int
            The day that begins.
        rng : numpy.random.Generator
            Source of the draws.

        Returns
        -------
        ndarray of int
            The agents that became insolvent on that day.
        """
        agents = self.agents
        shock = rng.standard_normal(len(agents), dtype=np.float32)
        grouped = np.flatnonzero(agents.group >= 0)
        if len(grouped):
            common = rng.standard_normal(int(agents.group.max()) + 1, dtype=np.float32)
            own_part = np.float32((1 - _GROUP_SHARE**2) ** 0.5)
            shared = np.float32(_GROUP_SHARE) * common[agents.group[grouped]]
            shock[grouped] = own_part * shock[grouped] + shared
        pull = np.where(self.distressed, np.float32(_DISTRESS_PULL), np.float32(_OWN_PULL))
        target = np.where(self.distressed, np.float32(_DISTRESS_LEVEL), np.float32(0))
        self.own += pull * (target - self.own) + np.float32(_OWN_STEP) * shock
        self.mood += -_MOOD_PULL * self.mood + _MOOD_STEP * rng.standard_normal(self.mood.shape)
        self.macro += -_MACRO_PULL * self.macro + _MACRO_STEP * rng.standard_normal(self.macro.shape)
        self._see(day)
        return self._solvency(day, rng)

    def _see(self, day: int) -> None:
        agents = self.agents
        outside = self.days.sector_season[day] + self.days.climate[day]
        shared = (self.mood + self.macro[:, None] + outside).astype(np.float32)
        self.liquidity = self.own + agents.liquidity_mean + shared[agents.world, agents.sector]

    def _solvency(self, day: int, rng: np.random.Generator) -> Array:
        """Falls into distress, recoveries and failures; a failure is final."""
        agents = self.agents
        draw = rng.random(len(agents), dtype=np.float32)
        rate = agents.distress_rate / np.float32(365.25)
        # Short of its usual cash a customer slides more easily; the mean of the factor is about 1.
        strain = np.clip(agents.liquidity_mean - self.liquidity, -3, 3)
        pressure = np.exp(np.float32(0.5) * strain - np.float32(0.12))
        entry = rate * pressure * np.float32((1 - _SUDDEN_SHARE) / _FAIL_SHARE)
        falls = ~self.distressed & (draw < entry)
        sudden = rate * np.float32(_SUDDEN_SHARE * _COURT_FACTOR)
        fails = np.where(self.distressed, draw < np.float32(_FAIL_RATE * _COURT_FACTOR), draw > 1 - sudden)
        fails &= ~self.insolvent & bool(self.days.business[day]) & (agents.distress_rate > 0)
        fails &= (agents.first_day <= day) & (day < agents.stop_day + _SIGHT_DAYS)
        recovers = self.distressed & (draw > np.float32(1 - _RECOVER_RATE))
        self.distressed = (self.distressed | falls) & ~recovers
        self.insolvent = self.insolvent | fails
        return np.flatnonzero(fails)
