"""TimeMixer on the minutes of LBNL's labelled days, fault or not: each day is judged by what learnt from all others.

``python -m training.real_days --data DIR`` says how well, with and without the channels of physics.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from bentos.fault.points import NAMES, POINTS
from bentos.fault.windows import QUARTERLY, Prepared
from training.hvac import HEALTHY, Day, open_lbnl
from training.lbnl_gate import UNITS, auc, judged_alone
from training.measured import record
from training.progress import steps
from training.timemixer import Pooled, Shape

Floats = NDArray[np.float32]

SHAPE = Shape(length=64, width=12, inner=16, blocks=1, moving_average=15, dropout=0.2)  # an hour of minutes
STRIDE, EPOCHS, BATCH, RATE = 30, 6, 64, 0.006
PHYSICS = [place for place, name in enumerate(QUARTERLY) if name.startswith("residual_")]
MINUTES = 15  # of a quarter-hour


@dataclass(frozen=True)
class Hours:
    """One day: windows [N, C, 64] of points by the minute, and of physics with them; whether it is a faulty day."""

    points: Tensor
    physics: Tensor
    faulty: bool


def hours_of(day: Day, judged: Prepared) -> Hours:
    """``judged`` has the day's residuals; where a sample is missing the last known stands."""
    minutes = day.readings.reindex(columns=[name for name in NAMES if name in day.readings])
    scale = pd.DataFrame({name: [POINTS[str(name)].centre, POINTS[str(name)].spread] for name in minutes})
    values = ((minutes.ffill() - scale.iloc[0]) / scale.iloc[1]).fillna(0.0).to_numpy(np.float32)
    physics = np.repeat(judged.quarters[:, PHYSICS], MINUTES, axis=0)[: len(values)]
    points, both = (_windows(columns) for columns in (values, np.hstack([values, physics])))
    return Hours(points, both, day.fault != HEALTHY)


def left_out(days: Sequence[Hours], physics: bool) -> list[NDArray[np.float64]]:
    """[N] for each day: how sure of a fault a network is that learnt from all others."""
    said = []
    for place, day in enumerate(steps(days, "leaving out", "day")):
        network = _fit([other for k, other in enumerate(days) if k != place], physics)
        with torch.inference_mode():
            odds = network(day.physics if physics else day.points).squeeze(1)
        said.append(torch.sigmoid(odds).double().numpy())
    return said


def main() -> int:
    """Print the AUCs, and record them."""
    parser = argparse.ArgumentParser(prog="python -m training.real_days", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of LBNL's MZVAV tables")
    parser.add_argument("--measured", type=Path, help="record the figures in this docs/measured.json")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, float] = {}
    for unit in UNITS:
        days = open_lbnl(asked.data, unit)
        hours = [hours_of(day, known) for day, known in zip(days, judged_alone(days), strict=True)]
        faulty = np.array([day.faulty for day in hours])
        for name, physics in (("auc_hour", True), ("auc_points", False)):
            found[f"{name}@{unit}"] = auc(faulty, left_out(hours, physics))
            print(f"{name}@{unit}: {found[f'{name}@{unit}']:.3f}, {len(days)} days, {faulty.sum()} faulty", flush=True)
    if asked.measured:
        record(asked.measured, found, "python -m training.real_days --data $FOREWATT_SHARED/data/hvac_lbnl_mzvav2")
    return 0


def _windows(values: Floats) -> Tensor:
    cut = np.lib.stride_tricks.sliding_window_view(values, SHAPE.length, axis=0)[::STRIDE]
    return torch.from_numpy(np.ascontiguousarray(cut))


def _fit(days: Sequence[Hours], physics: bool) -> nn.Sequential:
    """Faulty and healthy days weigh the same."""
    torch.manual_seed(0)
    windows = torch.cat([day.physics if physics else day.points for day in days])
    truth = torch.cat([torch.full((len(day.points),), float(day.faulty)) for day in days])
    weight = torch.where(truth > 0, 0.5 / truth.mean(), 0.5 / (1 - truth.mean()))
    pooled = Pooled(windows.shape[1], SHAPE)
    network = nn.Sequential(pooled, nn.Dropout(0.2), nn.Linear(3 * SHAPE.width * (SHAPE.coarser + 1), 1))
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.05)
    for _ in range(EPOCHS):
        for rows in torch.split(torch.randperm(len(windows)), BATCH):
            optimizer.zero_grad()
            odds = network(windows[rows]).squeeze(1)
            loss = binary_cross_entropy_with_logits(odds, truth[rows], weight[rows])
            torch.autograd.backward(loss)
            optimizer.step()
    return network.eval()


if __name__ == "__main__":
    sys.exit(main())
