"""The overload model on our server: 20 ms a batch and 1 ms a row, asleep as a native runtime lets the interpreter go.

It answers twice the row, fails on what is negative, and writes each batch it computes into ``OVERLOAD_JOURNAL``.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import bentoml
import numpy as np
from numpy.typing import NDArray

from bentos.serving.bento import HotService
from bentos.serving.tensors import TensorSpec
from loadtests.hosted import host
from loadtests.overload.model import batch_s


class OverloadModel:
    """One number a row."""

    name, version, platform = "overload", "1", "sleep"
    input = TensorSpec("features", "FP64", (-1, 1))
    outputs = (TensorSpec("prediction", "FP64", (-1,)),)

    def __init__(self, journal: Path) -> None:
        self.journal = journal.open("w", buffering=1)

    def predict(self, rows: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        began = time.monotonic()
        time.sleep(batch_s(len(rows)))
        numbers = " ".join(f"{number:g}" for number in rows[:, 0])
        self.journal.write(f"{began} {time.monotonic()} {numbers}\n")
        if (rows < 0).any():
            raise ValueError("a negative row")
        return [2 * rows[:, 0]]

    def examples(self, n: int) -> NDArray[np.float64]:
        return np.zeros((n, 1))


@bentoml.service(name="overload", service_class=HotService)
class Overload:
    """One process."""

    bento_service: HotService

    @bentoml.on_startup
    async def host(self) -> None:
        await host(self.bento_service.server, OverloadModel(Path(os.environ["OVERLOAD_JOURNAL"])))
