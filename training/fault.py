"""Fit the early warning of faults: windows drawn from the training units, the loop in the open, the best epoch kept."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, mse_loss
from torch.optim.lr_scheduler import OneCycleLR

from bentos.fault.evidence import parts
from bentos.fault.points import NAMES
from bentos.fault.schema import HORIZONS
from bentos.fault.windows import CHANNELS, LONG, STEPS
from training.early_warning import HOUR, Labels
from training.fleet import Watched
from training.progress import Stage
from training.recipe import read_recipe
from training.timemixer import QUARTERS, Council, EarlyWarning, Shape, two_clocks

BATCH = 256  # windows that are cut at once
Batch = tuple[Tensor, Tensor, Labels]  # hours, days, and what was to come


@dataclass(frozen=True)
class Recipe:
    """How to fit: ``recipes/<name>.toml`` lists what differs from these defaults, and why."""

    name: str
    width: int = 16
    inner: int = 32
    blocks: int = 1
    coarser: int = 3
    members: int = 1  # networks whose mean answers
    dropout: float = 0.1
    batch: int = 128
    draws: int = 8000  # windows an epoch
    epochs: int = 10
    patience: int = 3  # epochs without a better one on the validation units
    rate: float = 0.004
    weight_decay: float = 0.01
    every_hours: int = 6  # moments of training from which windows are drawn
    validations: int = 2048  # windows of the validation units, the same after each epoch
    deaf: float = 0.3  # share of the windows of training in which a point is silent
    wander: float = 0.1  # how far each window's days are moved, in units of a channel
    lost: int = 1  # how often each unit is learnt from with lost readings too
    severity_weight: float = 2.0
    seed: int = 0
    raw: bool = True  # False: residuals and days alone, not the points' own values, by which units can be told apart
    most_units: int | None = None

    @property
    def shape(self) -> Shape:
        """Of the network."""
        return Shape(STEPS // QUARTERS, self.coarser, self.width, self.inner, self.blocks, 25, self.dropout)

    @property
    def channels(self) -> list[str]:
        """Those of ``CHANNELS`` that the network sees."""
        own = {*NAMES, *(f"known_{name}" for name in NAMES)}
        return [name for name in CHANNELS if self.raw or name not in own]

    @classmethod
    def open(cls, name: str) -> Recipe:
        """Raises ``ValueError`` for a recipe that is not there."""
        return cls(name=name, **read_recipe("fault", name))


@dataclass(frozen=True)
class Said:
    """The network's answers: log-odds ``hazard`` [N, 6], share of each ``kind`` [N, K], ``severity`` [N]."""

    hazard: NDArray[np.float64]
    kind: NDArray[np.float64]
    severity: NDArray[np.float64]


class Drawer:
    """Deals windows with their labels: half of them while something is wrong or soon will be, each fault as often."""

    def __init__(self, fleet: Sequence[Watched], types: Sequence[str], recipe: Recipe) -> None:
        self.recipe = recipe
        self.rng = np.random.default_rng(recipe.seed)
        asked = [unit.moments(recipe.every_hours * HOUR) for unit in fleet]
        clocks = [clocks_of(unit, at, recipe.channels) for unit, at in zip(fleet, asked, strict=True)]
        self.hours, self.days = (torch.cat(parts) for parts in zip(*clocks, strict=True))
        self.labels = Labels.joined([unit.labels(at, types) for unit, at in zip(fleet, asked, strict=True)])
        sorts = np.where(self.labels.severity > 0, self.labels.kind, 0)
        counts = np.bincount(sorts, minlength=len(types)).astype(float)
        share = np.where(np.arange(len(types)) == 0, 0.5, 0.5 / max((counts[1:] > 0).sum(), 1))
        self.chance = share[sorts] / counts[sorts] / (share[counts > 0]).sum()
        self.rarity = rarity(self.labels, len(types))
        self.hushed = torch.from_numpy(np.stack([hushed(point, recipe.channels) for point in NAMES]))

    def epoch(self) -> Iterator[tuple[Tensor, Tensor, Labels]]:
        """Batches of hours [N, C, H] and days [N, D, 36] with labels, ``draws`` windows in all, drawn anew."""
        rows = self.rng.choice(len(self.chance), self.recipe.draws, p=self.chance)
        for first in range(0, len(rows), self.recipe.batch):
            chosen = rows[first : first + self.recipe.batch]
            yield *self._deafened(self.hours[chosen], self._wandering(self.days[chosen])), self.labels[chosen]

    def _wandering(self, days: Tensor) -> Tensor:
        """A unit's laws were fitted in one season: its residuals lie off, and drift, by a little in other ones."""
        if not self.recipe.wander:
            return days
        size, channels, length = days.shape
        shifts = self.rng.normal(size=(2, size, channels, 1)) * self.rng.lognormal(0, 0.5, (size, 1, 1))
        moved = self.recipe.wander * (shifts[0] + shifts[1] * np.linspace(-1, 0, length))
        moved[:, LONG.index("long_known")] = 0
        return days + torch.from_numpy(moved.astype(np.float32))

    def _deafened(self, hours: Tensor, days: Tensor) -> tuple[Tensor, Tensor]:
        """Some windows lose all that one point tells, as they would if it had never been sent."""
        silent = self.hushed[self.rng.integers(len(NAMES), size=len(hours))]
        silent = silent & torch.from_numpy(self.rng.random((len(hours), 1)) < self.recipe.deaf)
        recent = hours.shape[1]
        return (
            hours.masked_fill(silent[:, :recent, None], 0.0),
            days.masked_fill(silent[:, recent:, None], 0.0),
        )


def rarity(labels: Labels, types: int) -> list[float]:
    """[K] log of at how many moments each fault is there; its scale says nothing."""
    return [math.log(max(int((labels.kind[labels.telling] == kind).sum()), 1)) for kind in range(types)]


def hushed(point: str, channels: Sequence[str]) -> NDArray[np.bool_]:
    """[C] which channels say nothing while a point is silent."""
    places = {place for part in parts(channels) if point in part.points for place in part.channels}
    own = {point, f"known_{point}"}
    return np.array([place in places or name in own for place, name in enumerate(channels)])


def clocks_of(unit: Watched, at: pd.DatetimeIndex, channels: Sequence[str]) -> tuple[Tensor, Tensor]:
    """What the network sees of windows at each moment, on its two clocks; a few windows are in memory at once."""
    columns = [CHANNELS.index(name) for name in channels]
    parts = [
        two_clocks(torch.from_numpy(unit.windows(at[first : first + BATCH])[..., columns]), recent_of(channels))
        for first in range(0, len(at), BATCH)
    ]
    hours, days = (torch.cat(each) for each in zip(*parts, strict=True))
    return hours, days


def recent_of(channels: Sequence[str]) -> int:
    """How many of the channels run by the quarter-hour; they come first."""
    return sum(name not in LONG for name in channels)


def loss_of(answer: tuple[Tensor, Tensor, Tensor], truth: Labels, severity_weight: float) -> Tensor:
    """Mean over what can be judged: each horizon's cross-entropy, the type's, the severity's square."""
    hazard, kind, severity = answer
    judged, telling = torch.from_numpy(truth.judged), torch.from_numpy(truth.telling)
    horizons = binary_cross_entropy_with_logits(hazard[judged], torch.from_numpy(truth.hazard)[judged])
    kinds = cross_entropy(kind[telling], torch.from_numpy(truth.kind)[telling])
    return horizons + kinds + severity_weight * mse_loss(severity, torch.from_numpy(truth.severity))


def fit(train: Sequence[Watched], validation: Sequence[Watched], types: Sequence[str], recipe: Recipe) -> Council:
    """Train on some units, and keep of every member the epoch that was best on others."""
    drawer = Drawer(train, types, recipe)
    held_out = [*Drawer(validation, types, replace(recipe, deaf=0.0, wander=0.0, draws=recipe.validations)).epoch()]
    members = [fit_member(drawer, held_out, len(types), recipe.seed + k) for k in range(recipe.members)]
    return Council(members, drawer.rarity).eval()


def fit_member(drawer: Drawer, held_out: Sequence[Batch], types: int, seed: int) -> EarlyWarning:
    """One network; what it is dealt follows its seed too."""
    torch.manual_seed(seed)
    recipe, drawer.rng = drawer.recipe, np.random.default_rng(seed)
    recent = recent_of(recipe.channels)
    network = EarlyWarning((recent, len(recipe.channels) - recent), len(HORIZONS), types, recipe.shape)
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)
    steps = math.ceil(recipe.draws / recipe.batch)
    schedule = OneCycleLR(optimizer, recipe.rate, steps_per_epoch=steps, epochs=recipe.epochs, pct_start=0.2)
    best, since, kept = np.inf, 0, copy.deepcopy(network.state_dict())
    for epoch in range(recipe.epochs):
        network.train()
        stage, losses = Stage(f"epoch {epoch + 1}", steps, "batch"), list[float]()
        for hours, days, labels in drawer.epoch():
            optimizer.zero_grad()
            loss = loss_of(network.judge(hours, days), labels, recipe.severity_weight)
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(float(loss.detach()))
            stage.done()
        error = _error(network, held_out, recipe)
        print(f"epoch {epoch + 1}: training {np.mean(losses):.3f}, validation {error:.3f}", flush=True)
        since = 0 if error < best else since + 1
        if error < best:
            best, kept = error, copy.deepcopy(network.state_dict())
        if since == recipe.patience:
            break
    network.load_state_dict(kept)
    return network.eval()


def ask(network: Council, unit: Watched, at: pd.DatetimeIndex, channels: Sequence[str]) -> Said:
    """What the network says of one unit at each moment."""
    hours, days = clocks_of(unit, at, channels)
    with torch.inference_mode():
        hazard, kind, severity = network.judge(hours, days)
    return Said(hazard.double().numpy(), kind.double().softmax(1).numpy(), severity.double().numpy())


def _error(network: EarlyWarning, held_out: Sequence[Batch], recipe: Recipe) -> float:
    """The mean loss on windows drawn as those of training are: how often a fault comes is calibration's."""
    network.eval()
    with torch.inference_mode():
        losses = [float(loss_of(network.judge(h, d), labels, recipe.severity_weight)) for h, d, labels in held_out]
    return float(np.mean(losses))
