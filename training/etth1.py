"""Whether the network is right: TimeMixer on ETTh1 as in the paper, whose errors are known."""

from __future__ import annotations

import argparse
import copy
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import mse_loss
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from training.datasets import DataError
from training.measured import record
from training.timemixer import Forecaster, Shape

PAPER = {96: 0.375, 192: 0.429}  # mean squared error by hours ahead
SEEDS = [1, 2, 3]
TRAIN, VALIDATION, TEST = 8640, 2880, 2880  # hours
SEQUENCE, BATCH, EPOCHS, RATE = 96, 128, 10, 0.01


def open_hours(path: Path) -> Tensor:
    """ETTh1's twenty months [T, 7], scaled by the training hours. Raises ``DataError`` where the file is not there."""
    if not path.is_file():
        raise DataError(f"{path.name} is not there. Give the file ETTh1.csv with --data.")
    table = pd.read_csv(path, index_col="date").iloc[: TRAIN + VALIDATION + TEST]
    known = table.iloc[:TRAIN]
    return torch.from_numpy(((table - known.mean()) / known.std(ddof=0)).to_numpy(np.float32))


class Windows(Dataset[tuple[Tensor, Tensor]]):
    """Every window whose forecast lies in hours ``first`` to ``last``; what it sees may begin before."""

    def __init__(self, hours: Tensor, horizon: int, first: int, last: int) -> None:
        self.values, self.horizon = hours[max(first - SEQUENCE, 0) : last], horizon

    def __len__(self) -> int:
        return len(self.values) - SEQUENCE - self.horizon + 1

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor]:
        now = place + SEQUENCE
        return self.values[place:now], self.values[now : now + self.horizon]


def fit(hours: Tensor, horizon: int, seed: int, epochs: int = EPOCHS) -> float:
    """Train on the first twelve months, keep the epoch that was best on the next four, return the last four's error."""
    torch.manual_seed(seed)
    network = Forecaster(hours.shape[1], horizon, Shape(length=SEQUENCE))
    end = TRAIN + VALIDATION
    train = _batches(Windows(hours, horizon, 0, TRAIN), shuffle=True)
    validation = _batches(Windows(hours, horizon, TRAIN, end))
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    schedule = OneCycleLR(optimizer, RATE, steps_per_epoch=len(train), epochs=epochs, pct_start=0.2)
    best, kept = np.inf, copy.deepcopy(network.state_dict())
    for epoch in range(epochs):
        network.train()
        for series, ahead in tqdm(
            train, desc=f"{horizon} h, seed {seed}, epoch {epoch + 1}", mininterval=10, disable=None
        ):
            optimizer.zero_grad()
            torch.autograd.backward(mse_loss(network(series), ahead))
            optimizer.step()
            schedule.step()
        error = squared_error(network, validation)
        print(f"epoch {epoch + 1}: {error:.4f} on the validation months", flush=True)
        if error < best:
            best, kept = error, copy.deepcopy(network.state_dict())
    network.load_state_dict(kept)
    return squared_error(network, _batches(Windows(hours, horizon, end, end + TEST)))


def squared_error(network: Forecaster, batches: DataLoader[tuple[Tensor, Tensor]]) -> float:
    """The mean over whole batches; the paper's loader drops the last one, so ours does."""
    network.eval()
    with torch.inference_mode():
        return float(np.mean([float(mse_loss(network(seen), ahead)) for seen, ahead in batches]))


def _batches(windows: Windows, *, shuffle: bool = False) -> DataLoader[tuple[Tensor, Tensor]]:
    return DataLoader(windows, BATCH, shuffle=shuffle, drop_last=True)


def main() -> None:
    """Print each run's error, and record the mean over seeds as a share of the paper's."""
    parser = argparse.ArgumentParser(prog="python -m training.etth1", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the file ETTh1.csv")
    parser.add_argument("--measured", type=Path, help="record the figures in this docs/measured.json")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    hours, errors = open_hours(asked.data), {horizon: list[float]() for horizon in PAPER}
    for seed in SEEDS:
        for horizon, paper in PAPER.items():
            errors[horizon].append(fit(hours, horizon, seed))
            print(f"{horizon} hours, seed {seed}: {errors[horizon][-1]:.4f}, paper {paper}", flush=True)
    shares = {f"B01@etth1-{horizon}": float(np.mean(errors[horizon])) / paper for horizon, paper in PAPER.items()}
    print(shares)
    if asked.measured:
        record(asked.measured, shares, "python -m training.etth1 --data $FOREWATT_SHARED/data/ett_h1/ETTh1.csv")


if __name__ == "__main__":
    main()
