"""A recipe of its own for LBNL's labelled days: TimeMixer on their minutes, each day judged by what learnt from others.

Days are few, so networks learn from those of a like unit too. Some learn from a part of the days: what they say of the
rest tells how much such networks are worth beside the one that only knows its simulator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from bentos.fault.reference import Reference
from bentos.fault.windows import HOUR, QUARTERLY, Prepared, prepare, reference_of
from training.early_warning import NONE
from training.hvac import HEALTHY, Day
from training.judgement import Served
from training.progress import steps
from training.timemixer import Pooled, Shape

Floats = NDArray[np.float64]
Minutes = NDArray[np.float32]
Lesson = tuple[Tensor, bool]  # a day's windows [H, C, 64], and whether it is faulty

SHAPE = Shape(length=64, width=12, inner=16, blocks=1, moving_average=15, dropout=0.2)  # an hour of minutes
FIRST_HOUR = 6  # of a day from which it is judged each hour, the readings of that day behind it
QUARTER_HOUR = 15  # minutes
MEMBERS, SHARE = 8, 0.65  # networks, and of the other days what those learn from that only tell what such are worth
EPOCHS, BATCH, RATE, DECAY = 10, 64, 0.004, 1.0
BLEND = 1.0  # of Beta: any share of two windows is as likely as any other
MOST = 3.0  # deviations from the mean beyond which a signal tells no more
WEIGHTS = np.linspace(0, 1, 5)  # of the networks beside the one that only knows its simulator
PHYSICS = [place for place, name in enumerate(QUARTERLY) if name.startswith("residual_")]


@dataclass(frozen=True)
class Known:
    """One day against the healthy ones of some others: physics by the minute [M, P], and by the hour from
    ``FIRST_HOUR`` on the log-odds [H] of a fault by the network that only knows its simulator."""

    physics: Minutes
    simulated: Floats


class Days:
    """Labelled days of one unit; what is known of a day depends on which others may be looked at."""

    def __init__(self, days: Sequence[Day], served: Served) -> None:
        self.days, self._served = days, served
        self.faulty = np.array([day.fault != HEALTHY for day in days])
        self.signals = [_signals(day) for day in days]
        self._known: dict[tuple[int, frozenset[int]], Known] = {}
        self._references: dict[frozenset[int], Reference | None] = {}

    def known(self, day: int, *without: int) -> Known:
        """``day`` against all healthy days but itself and some others."""
        left = self._left(day, *without)
        if (day, left) not in self._known:
            prepared = prepare(self.days[day].readings, self._reference(left))
            physics = _physics(prepared, len(self.signals[day]))
            self._known[day, left] = Known(physics, _simulated(self._served, prepared))
        return self._known[day, left]

    def simulated(self, readings: Sequence[pd.DataFrame] | None = None) -> list[Floats]:
        """By day: the log-odds each hour of the network that only knows its simulator; of other readings of the same
        days, where there are some."""
        seen = readings or [day.readings for day in self.days]
        prepared = [prepare(each, self._reference(self._left(day))) for day, each in enumerate(seen)]
        return [_simulated(self._served, each) for each in prepared]

    def hours(self) -> list[Floats]:
        """[H, S, 64] of each day: all signals as they were recorded, within the hours that are asked about."""
        return [np.asarray(_cut(signals.astype(np.float32)), float) for signals in self.signals]

    def left_out(self, seed: int, beside: Sequence[Days] = ()) -> list[Floats]:
        """By day: how sure of a fault what learnt from all others is, each hour; ``beside`` are units like this one."""
        return [self._judged(day, seed, beside) for day in steps(range(len(self.days)), "leaving out", "day")]

    def lessons(self, *without: int) -> list[Lesson]:
        """All days but some, as if these had never been."""
        kept = [day for day in range(len(self.days)) if day not in without]
        windows = self._windows(kept, *without)
        return [(windows[day], bool(self.faulty[day])) for day in kept]

    def on(self, date: pd.Timestamp) -> list[int]:
        """Which day that is, if there is one."""
        return [place for place, day in enumerate(self.days) if day.date == date]

    def _judged(self, asked: int, seed: int, beside: Sequence[Days]) -> Floats:
        others = [day for day in range(len(self.days)) if day != asked]
        windows = self._windows(others, asked)
        own = {day: (windows[day], bool(self.faulty[day])) for day in others}
        # The same date in another unit is left out too: it had the same weather, and may be a copy of this one.
        elsewhere = [lesson for unit in beside for lesson in unit.lessons(*unit.on(self.days[asked].date))]
        answers = [_asked(_fit([*own.values(), *elsewhere], member), windows[asked]) for member in _members(seed)]
        weight = self._weight(asked, seed, own, elsewhere)
        return _mixed(np.mean(answers, axis=0), self.known(asked).simulated, weight)

    def _weight(self, asked: int, seed: int, own: dict[int, Lesson], elsewhere: Sequence[Lesson]) -> float:
        """What such networks are worth: others learn from a part of ``own`` days, and are asked about the rest."""
        rng = np.random.default_rng([seed, asked])
        said: dict[int, list[Floats]] = {day: [] for day in own}
        for member in _members(seed):
            chosen = self._some([*own], rng)
            network = _fit([*(own[day] for day in chosen), *elsewhere], member)
            for day in said.keys() - set(chosen):
                said[day].append(_asked(network, own[day][0]))
        judged = [day for day in own if said[day]]
        told = [(np.mean(said[day], axis=0), self.known(day, asked).simulated) for day in judged]
        return _worth(self.faulty[judged], told)

    def _left(self, *days: int) -> frozenset[int]:
        """Those of ``days`` that a reference could have been made of."""
        return frozenset(day for day in days if not self.faulty[day])

    def _reference(self, left: frozenset[int]) -> Reference | None:
        """Of the healthy days but these; none where they are too few."""
        if left not in self._references:
            healthy = [self.days[day].readings for day in np.flatnonzero(~self.faulty).tolist() if day not in left]
            try:
                self._references[left] = reference_of(pd.concat(healthy).sort_index())
            except ValueError:
                self._references[left] = None
        return self._references[left]

    def _some(self, days: Sequence[int], rng: np.random.Generator) -> list[int]:
        """A part of the faulty days and of the healthy ones."""
        kinds = [[day for day in days if self.faulty[day] == kind] for kind in (True, False)]
        return [int(day) for kind in kinds for day in rng.permutation(kind)[: max(round(SHARE * len(kind)), 1)]]

    def _windows(self, others: Sequence[int], *asked: int) -> dict[int, Tensor]:
        """[H, C, 64] of each day, those that are asked about last; signals are scaled by the others."""
        every = np.concatenate([self.signals[day] for day in others])
        mean, deviation = every.mean(axis=0), every.std(axis=0) + 1e-6
        cut = {}
        for day in [*others, *asked]:
            scaled = ((self.signals[day] - mean) / deviation).clip(-MOST, MOST)
            cut[day] = _cut(np.hstack([scaled, self.known(day, *asked).physics]).astype(np.float32))
        return cut


def _signals(day: Day) -> Floats:
    """[M, S] all that was recorded, the last known where a sample is missing."""
    every = pd.concat([day.readings, day.others], axis=1)
    return np.asarray(np.nan_to_num(every.ffill().bfill().to_numpy(float)), float)


def _physics(prepared: Prepared, minutes: int) -> Minutes:
    """Each law's residual, and its mean since midnight."""
    now = prepared.quarters[:, PHYSICS]
    so_far = now.cumsum(axis=0) / np.arange(1, len(now) + 1)[:, None]
    return np.repeat(np.hstack([now, so_far]), QUARTER_HOUR, axis=0)[:minutes]


def _simulated(served: Served, prepared: Prepared) -> Floats:
    at = pd.date_range(prepared.start + FIRST_HOUR * HOUR, prepared.start + 24 * HOUR, freq="h")
    windows = np.stack([prepared.window(moment) for moment in at])[..., served.places]
    healthy = served.model.predict(windows)[1][:, served.types.index(NONE)]
    return np.asarray(-logit(np.clip(healthy, 1e-6, 1 - 1e-6)), float)


def _cut(minutes: Minutes) -> Tensor:
    """[H, C, 64] that end at each hour from ``FIRST_HOUR`` on."""
    every = np.lib.stride_tricks.sliding_window_view(minutes, SHAPE.length, axis=0)
    return torch.from_numpy(np.ascontiguousarray(every[FIRST_HOUR * 60 - SHAPE.length :: 60]))


def _fit(lessons: Sequence[Lesson], seed: int) -> nn.Sequential:
    """Faulty and healthy days weigh the same. Between few windows much lies that none shows: what is learnt from are
    blends of two, as in "mixup: beyond empirical risk minimization" (Zhang et al., ICLR 2018)."""
    torch.manual_seed(seed)
    windows = torch.cat([day for day, _ in lessons])
    truth = torch.cat([torch.full((len(day),), float(faulty)) for day, faulty in lessons])
    weight = torch.stack([truth / truth.mean(), (1 - truth) / (1 - truth).mean()], dim=1) / 2  # of faulty, of healthy
    pooled = Pooled(windows.shape[1], SHAPE)
    network = nn.Sequential(pooled, nn.Dropout(SHAPE.dropout), nn.Linear(3 * SHAPE.width * (SHAPE.coarser + 1), 1))
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    share = torch.distributions.Beta(BLEND, BLEND)
    for _ in range(EPOCHS):
        for rows in torch.split(torch.randperm(len(windows)), BATCH):
            optimizer.zero_grad()
            others, part = rows[torch.randperm(len(rows))], share.sample(rows.shape)
            said = network(torch.lerp(windows[others], windows[rows], part[:, None, None]))
            surprise = -logsigmoid(torch.cat([said, -said], dim=1))
            loss = (torch.lerp(weight[others], weight[rows], part[:, None]) * surprise).sum(1).mean()
            torch.autograd.backward(loss)
            optimizer.step()
    return network.eval()


def _members(seed: int) -> range:
    """The seeds of its networks."""
    return range(1000 * seed, 1000 * seed + MEMBERS)


def _asked(network: nn.Sequential, windows: Tensor) -> Floats:
    with torch.inference_mode():
        return np.asarray(network(windows).squeeze(1).double().numpy())


def _worth(faulty: NDArray[np.bool_], said: Sequence[tuple[Floats, Floats]]) -> float:
    """Of the networks' word beside the simulator's, on days that they did not learn from."""
    return float(max(WEIGHTS, key=lambda weight: auc(faulty, [_mixed(*each, weight) for each in said])))


def _mixed(learnt: Floats, simulated: Floats, weight: float) -> Floats:
    """As probabilities: odds have no bound, and the surest would outshout the other whatever it weighs."""
    return np.asarray(weight * expit(learnt) + (1 - weight) * expit(simulated), float)


def auc(faulty: NDArray[np.bool_], said: Sequence[Floats]) -> float:
    """Of all hours of all days, whose scores are ``said`` by day."""
    truth = np.concatenate([np.full(len(score), flag) for flag, score in zip(faulty, said, strict=True)])
    return float(roc_auc_score(truth, np.concatenate(said)))
