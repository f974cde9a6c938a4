"""TimeMixer (Wang et al., "Decomposable multiscale mixing for time series forecasting", ICLR 2024), whole in this file.

A series is averaged to coarser and coarser scales. Each scale is split into season and trend; seasons mix from fine to
coarse, trends from coarse to fine. What comes out feeds a forecast, or our early warning of faults.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

WINDOW = 2  # points of a scale that are one point of the next coarser


@dataclass(frozen=True)
class Shape:
    """What a network is made of; the defaults are the paper's for ETTh1."""

    length: int = 96  # points of the finest scale
    coarser: int = 3  # scales beside it
    width: int = 16
    inner: int = 32  # width inside a feed-forward layer
    blocks: int = 2
    moving_average: int = 25
    dropout: float = 0.1

    @property
    def lengths(self) -> list[int]:
        """Points of each scale, fine to coarse. Raises ``ValueError`` where they do not halve evenly."""
        if self.length % WINDOW**self.coarser:
            raise ValueError(f"{self.length} points cannot be halved {self.coarser} times.")
        return [self.length // WINDOW**k for k in range(self.coarser + 1)]


def scales_of(series: Tensor, coarser: int) -> list[Tensor]:
    """[N, C, T] and its averages over 2, 4, 8 … points."""
    scales = [series]
    for _ in range(coarser):
        scales.append((scales[-1][..., ::WINDOW] + scales[-1][..., 1::WINDOW]) / WINDOW)
    return scales


def averaging(length: int, moving_average: int) -> Tensor:
    """[T, T] by which [N, C, T] is multiplied for its centred moving average, its ends repeated beyond the window."""
    beyond = (moving_average - 1) // 2
    each = functional.pad(torch.eye(length).unsqueeze(1), (beyond, beyond), mode="replicate")
    return functional.avg_pool1d(each, moving_average, stride=1).squeeze(1)


class Embedding(nn.Module):
    """Each point with its two neighbours, the series taken as a circle: [N, width, T]."""

    def __init__(self, channels: int, shape: Shape) -> None:
        super().__init__()
        self.value = nn.Conv1d(channels, shape.width, 3, bias=False)
        nn.init.kaiming_normal_(self.value.weight, mode="fan_in", nonlinearity="leaky_relu")
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, series: Tensor) -> Tensor:
        circle = torch.cat([series[..., -1:], series, series[..., :1]], dim=2)
        embedded: Tensor = self.dropout(self.value(circle))
        return embedded


class Across(nn.Linear):
    """A linear layer over the second axis of [N, width, T]."""

    def forward(self, series: Tensor) -> Tensor:
        return torch.einsum("oi,nit->not", self.weight, series) + self.bias[:, None]


class Ladder(nn.Module):
    """Scales in the order in which they learn of each other: every one adds what the one before has to say."""

    def __init__(self, lengths: Sequence[int]) -> None:
        super().__init__()
        self.steps = nn.ModuleList(
            nn.Sequential(nn.Linear(source, target), nn.GELU(), nn.Linear(target, target))
            for source, target in itertools.pairwise(lengths)
        )

    def forward(self, scales: list[Tensor]) -> list[Tensor]:
        """Of [N, width, T] each."""
        mixed = scales[:1]
        for step, scale in zip(self.steps, scales[1:], strict=True):
            mixed.append(scale + step(mixed[-1]))
        return mixed


class PastDecomposableMixing(nn.Module):
    """One block: seasons climb from fine to coarse, trends come down, their sum is fed forward beside the input."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.seasons, self.trends = Ladder(shape.lengths), Ladder(shape.lengths[::-1])
        self.feed_forward = nn.Sequential(Across(shape.width, shape.inner), nn.GELU(), Across(shape.inner, shape.width))

    def forward(self, scales: list[Tensor], averages: list[Tensor]) -> list[Tensor]:
        """Of [N, width, T] each and [T, T] each, fine to coarse."""
        smooth = [scale @ average for scale, average in zip(scales, averages, strict=True)]
        seasons = self.seasons([scale - trend for scale, trend in zip(scales, smooth, strict=True)])
        trends = self.trends(smooth[::-1])[::-1]
        return [
            scale + self.feed_forward(season + trend)
            for scale, season, trend in zip(scales, seasons, trends, strict=True)
        ]


class TimeMixer(nn.Module):
    """Scales [N, channels, T] to the same scales [N, width, T], mixed."""

    def __init__(self, channels: int, shape: Shape) -> None:
        super().__init__()
        self.embedding = Embedding(channels, shape)
        self.blocks = nn.ModuleList(PastDecomposableMixing(shape) for _ in range(shape.blocks))
        for k, length in enumerate(shape.lengths):
            self.register_buffer(f"average_{k}", averaging(length, shape.moving_average), persistent=False)

    def forward(self, scales: list[Tensor]) -> list[Tensor]:
        mixed = [self.embedding(scale) for scale in scales]
        averages = [self.get_buffer(f"average_{k}") for k in range(len(mixed))]
        for block in self.blocks:
            mixed = block(mixed, averages)
        return mixed


class Forecaster(nn.Module):
    """The paper's forecast: each variable on its own, levelled by its window; every scale predicts, the sum counts.

    It knows no clock. The authors' code pairs each series with the hours of some other window, so theirs told nothing.
    """

    def __init__(self, variables: int, horizon: int, shape: Shape) -> None:
        super().__init__()
        self.coarser = shape.coarser
        self.gain = nn.Parameter(torch.ones(shape.coarser + 1, variables, 1))
        self.offset = nn.Parameter(torch.zeros(shape.coarser + 1, variables, 1))
        self.mixer = TimeMixer(1, shape)
        self.predictors = nn.ModuleList(nn.Linear(length, horizon) for length in shape.lengths)
        self.value = Across(shape.width, 1)

    def forward(self, series: Tensor) -> Tensor:
        """[N, T, V] to the following [N, horizon, V]."""
        scales = scales_of(series.transpose(1, 2), self.coarser)
        level = [scale.mean(2, keepdim=True) for scale in scales]
        spread = [(scale.var(2, keepdim=True, correction=0) + 1e-5).sqrt() for scale in scales]
        levelled = [
            ((scale - level[k]) / spread[k] * self.gain[k] + self.offset[k]).flatten(0, 1).unsqueeze(1)
            for k, scale in enumerate(scales)
        ]
        mixed = self.mixer(levelled)
        ahead = torch.stack([predict(scale) for predict, scale in zip(self.predictors, mixed, strict=True)]).sum(0)
        said = self.value(ahead).unflatten(0, (-1, series.shape[2])).squeeze(2)
        forecast: Tensor = (said - self.offset[0]) / self.gain[0] * spread[0] + level[0]
        return forecast.transpose(1, 2)


QUARTERS, STEPS_OF_DAY = 4, 8  # points of a window that are one hour on one of its clocks, one day on the other
SPANS = (1, 3, 7, 21)  # days over which the levels of a trend are taken
BEFORE = slice(-17, -14)  # days: a fortnight before the last three


def two_clocks(window: Tensor, recent: int) -> tuple[Tensor, Tensor]:
    """[N, T, C] to hours [N, recent, T / 4] of its first channels and days [N, C - recent, T / 8] of the others."""
    hours = torch.unflatten(window[..., :recent], 1, (-1, QUARTERS)).mean(2)
    return hours.transpose(1, 2), window[:, ::STEPS_OF_DAY, recent:].transpose(1, 2)


class Pooled(nn.Module):
    """A mixed series at a glance: what every scale holds on average, at most, and last: [N, 3 * width * scales]."""

    def __init__(self, channels: int, shape: Shape) -> None:
        super().__init__()
        self.coarser = shape.coarser
        self.mixer = TimeMixer(channels, shape)

    def forward(self, series: Tensor) -> Tensor:
        mixed = self.mixer(scales_of(series, self.coarser))
        return torch.cat([part for k in mixed for part in (k.mean(2), k.amax(2), k[..., -1])], dim=1)


class EarlyWarning(nn.Module):
    """Our head over two clocks of a window: hours of the last days, and days of the last weeks with their trends.

    ``shape`` is of the hours; the days have half as many points. ``channels`` says how many run by the hour, how many
    by the day.
    """

    def __init__(self, channels: tuple[int, int], horizons: int, types: int, shape: Shape) -> None:
        super().__init__()
        self.recent, daily = channels
        days = replace(shape, length=shape.length // 2, coarser=min(shape.coarser, 2), moving_average=13)
        self.gain = nn.Parameter(torch.full((daily, 1), 4.0))
        self.hours, self.days = Pooled(self.recent, shape), Pooled(daily, days)
        pooled = 3 * shape.width * (shape.coarser + days.coarser + 2) + daily * (len(SPANS) + 1)
        self.joint = nn.Sequential(
            nn.Dropout(shape.dropout), nn.Linear(pooled, 2 * shape.inner), nn.GELU(), nn.Dropout(shape.dropout)
        )
        self.hazard = nn.Linear(2 * shape.inner, horizons)
        self.kind = nn.Linear(2 * shape.inner, types)
        self.severity = nn.Linear(2 * shape.inner, 1)

    def forward(self, window: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[N, T, C] to log-odds [N, horizons] that never fall with the horizon, of types [N, K], severity [N]."""
        return self.judge(*two_clocks(window, self.recent))

    def judge(self, hours: Tensor, days: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same from what ``two_clocks`` gives. A deviation counts by its logarithm, so that none outshouts all."""
        days = torch.asinh(days * self.gain) / 2
        levels = [days[..., -span:].mean(2) for span in SPANS]
        trends = [*levels, levels[1] - days[..., BEFORE].mean(2)]
        joint = self.joint(torch.cat([self.hours(torch.asinh(2 * hours) / 2), self.days(days), *trends], dim=1))
        first, *later = self.hazard(joint).split(1, dim=1)
        rises = torch.cat([first, *(functional.softplus(rise) for rise in later)], dim=1)
        return rises.cumsum(1), self.kind(joint), torch.sigmoid(self.severity(joint)).squeeze(1)


class Council(nn.Module):
    """Several networks that differ by their seed; their mean errs less than each.

    They learnt from as many windows of each fault. ``rarity`` [K] is the log of how often each comes: it weighs which
    fault it is, and leaves as it was how likely there is one, the first type being none.
    """

    def __init__(self, members: Sequence[EarlyWarning], rarity: Sequence[float]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.recent = members[0].recent
        self.register_buffer("rarity", torch.as_tensor(rarity, dtype=torch.float32)[1:])

    def forward(self, window: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As one of them answers."""
        return self.judge(*two_clocks(window, self.recent))

    def judge(self, hours: Tensor, days: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean log-odds and log-shares of types, mean severity."""
        said = [cast(EarlyWarning, member).judge(hours, days) for member in self.members]
        hazard, kind, severity = (torch.stack(each) for each in zip(*said, strict=True))
        kinds = kind.log_softmax(2).mean(0).log_softmax(1)
        faults = (kinds[:, 1:] + self.get_buffer("rarity")).log_softmax(1) + kinds[:, 1:].logsumexp(1, keepdim=True)
        return hazard.mean(0), torch.cat([kinds[:, :1], faults], dim=1), severity.mean(0)
