"""What the suites ask: bodies made before the clock runs, each a little different, none with anyone's data.

Histories are simulated daily loads; tensors are drawn at random, since what a forest costs hardly depends on the row.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadtests.units import encoded, question

FIRST_DAY = date(2021, 5, 1)
WEEK = (1.0, 1.02, 1.02, 1.01, 0.99, 0.88, 0.83)  # of a working day's load, Monday first
LOAD_FEATURES = 19
VARIETY = 32


@dataclass(frozen=True)
class Questions:
    """Bodies for one address; ``holds`` is what every right answer has in it."""

    path: str
    bodies: tuple[bytes, ...]
    holds: bytes


def forecasts(days: int = 800) -> Questions:
    """The typed question: so many days of history, the ten peak days of the next month."""
    bodies = (_history(days, np.random.default_rng(seed)) for seed in range(VARIETY))
    return Questions("/api/v1/forecasts", tuple(bodies), b'"top10":[')


def diagnoses(reference: dict[str, Any]) -> Questions:
    """The typed question about a unit: its last 72 hours, and what it looked like when healthy."""
    bodies = (encoded(question(number, reference)) for number in range(VARIETY))
    return Questions("/api/v1/diagnoses", tuple(bodies), b'"chances":[')


def tensors(rows: int = 1, model: str = "load", width: int = LOAD_FEATURES) -> Questions:
    """Rows of features for ``POST /v2/models/<model>/infer``."""
    draws = np.random.default_rng(7).standard_normal((VARIETY, rows, width)).round(4)
    return Questions(f"/v2/models/{model}/infer", tuple(map(_tensor, draws)), b'"outputs":[')


def windows(steps: int, width: int) -> Questions:
    """One window of a unit for ``POST /v2/models/fault/infer``."""
    draws = np.random.default_rng(7).standard_normal((VARIETY, 1, steps, width)).round(3)
    bodies = (_tensor(window, "window", "FP32") for window in draws)
    return Questions("/v2/models/fault/infer", tuple(bodies), b'"hazard"')


def _tensor(rows: NDArray[np.float64], name: str = "features", datatype: str = "FP64") -> bytes:
    body = {"name": name, "shape": list(rows.shape), "datatype": datatype, "data": rows.ravel().tolist()}
    return json.dumps({"inputs": [body]}, separators=(",", ":")).encode()


def _history(days: int, dice: np.random.Generator) -> bytes:
    """A town with cold winters, another one for every draw."""
    noise = dice.normal(1.0, 0.02, days)
    series = []
    for number in range(days):
        day = FIRST_DAY + timedelta(days=number)
        warmth = 13 - 11 * math.cos(2 * math.pi * (day.timetuple().tm_yday - 20) / 365.25)
        load = 900 * WEEK[day.weekday()] * (1 + 0.012 * max(0.0, 15 - warmth)) * noise[number]
        series.append({"date": day.isoformat(), "load": round(load, 2), "temperature": round(warmth, 1)})
    return json.dumps({"series": series, "unit": "MW"}, separators=(",", ":")).encode()
