"""The overload model on our server: 20 ms a batch and 1 ms a row, asleep as a native runtime lets the interpreter go.

It answers twice the row, fails on what is negative, and writes each batch it computes into ``OVERLOAD_JOURNAL``.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TextIO

import bentoml
import numpy as np
from numpy.typing import NDArray

from bentos.serving.bento import HotService
from bentos.serving.tensors import TensorSpec
from loadtests.hosted import host
from loadtests.overload.model import batch_s


class OverloadModel:
    """One number a row."""

    name, platform = "overload", "sleep"
    input = TensorSpec("features", "FP64", (-1, 1))
    outputs = (TensorSpec("prediction", "FP64", (-1,)),)

    def __init__(self, version: str, journal: TextIO) -> None:
        self.version, self.journal = version, journal

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


class Versions:
    """Two that answer the same."""

    def __init__(self, journal: TextIO) -> None:
        self.journal = journal

    def index(self) -> list[tuple[str, str]]:
        return [("overload", "1"), ("overload", "2")]

    def open(self, name: str, version: str | None) -> OverloadModel:
        return OverloadModel(version or "1", self.journal)


@bentoml.service(name="overload", service_class=HotService)
class Overload:
    """One process."""

    bento_service: HotService

    @bentoml.on_startup
    async def host(self) -> None:
        journal = Path(os.environ["OVERLOAD_JOURNAL"]).open("w", buffering=1)  # noqa: SIM115 - for as long as it runs
        await host(self.bento_service.server, OverloadModel("1", journal), Versions(journal))
