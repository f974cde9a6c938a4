"""What became of every request of a run, second by second, as histograms that can be added over generators.

HDR histograms (Gil Tene) of microseconds keep three digits over the whole range. A request that got no right answer
stands at their top and means infinity; one that was told to come back later is counted, and has no latency.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hdrh.histogram import HdrHistogram

from loadtests.answers import PUNCTUAL_S

LOST_US = 3_600_000_000
OK, LATE, REJECTED, LOST = "ok", "late", "rejected", ("refused", "broken", "timeout", "no answer", "wrong")
OUTCOMES = (OK, LATE, REJECTED, *LOST)


def histogram() -> HdrHistogram:
    """An empty one: microseconds, to within a thousandth."""
    return HdrHistogram(1, LOST_US, 3)


def encoded(values_us: Sequence[int]) -> str:
    """These as text that any HDR library reads (V2, compressed, base64)."""
    counted = histogram()
    values = np.clip(np.array(values_us, dtype=np.int64), 1, LOST_US)
    unit = np.maximum(np.log2(values).astype(np.int64) - 10, 0)  # all in one unit of 2^n are one to the histogram
    for value, count in zip(*np.unique(values >> unit << unit, return_counts=True), strict=True):
        counted.record_value(int(value), int(count))
    return _text(counted)


def decoded(text: str) -> HdrHistogram:
    """What was encoded; nothing gives an empty one."""
    return HdrHistogram.decode(text) if text else histogram()


def added(*several: str) -> str:
    """All in one."""
    texts = [text for text in several if text]
    if len(texts) < 2:
        return "".join(texts)
    whole = histogram()
    for text in texts:
        whole.decode_and_add(text)
    return _text(whole)


def percentile_ms(counted: HdrHistogram, percent: float) -> float:
    """Milliseconds that so many percent do not exceed; infinite where that is a lost one, NaN for none."""
    if not counted.get_total_count():
        return math.nan
    value = counted.get_value_at_percentile(percent)
    return math.inf if counted.values_are_equivalent(value, LOST_US) else value / 1000


def _text(counted: HdrHistogram) -> str:
    written: bytes | str = counted.encode()
    return written if isinstance(written, str) else written.decode()


@dataclass
class Cell:
    """One call in one second: how each ended, why not well, and how long it took."""

    outcomes: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    latency: str = ""
    ok_s: float = 0.0  # what the right ones took together, for Little's law

    def add(self, *others: Cell) -> None:
        """Take the others' counts in."""
        for other in others:
            self.outcomes.update(other.outcomes)
            self.causes.update(other.causes)
            self.ok_s += other.ok_s
        self.latency = added(self.latency, *(other.latency for other in others))


@dataclass
class Generator:
    """How well one process sent what it was to send, warm-up left out."""

    sent: int = 0
    punctual: int = 0
    dropped: int = 0
    lateness: str = ""
    cpu_s: float = 0.0
    wall_s: float = 0.0

    def add(self, other: Generator) -> None:
        """Take the other's counts in."""
        self.sent += other.sent
        self.punctual += other.punctual
        self.dropped += other.dropped
        self.lateness = added(self.lateness, other.lateness)
        self.cpu_s += other.cpu_s
        self.wall_s += other.wall_s


@dataclass
class Book:
    """What all generators have written down; ``add`` takes a page in any order."""

    cells: dict[tuple[str, int], Cell] = field(default_factory=dict)
    generators: dict[str, Generator] = field(default_factory=dict)

    def add(self, writer: str, page: dict[str, Any]) -> None:
        """A page as ``Recorder.page`` made it, from the generator ``writer``."""
        self.generators.setdefault(writer, Generator()).add(Generator(**page["generator"]))
        for call, second, cell in page["cells"]:
            found = Cell(Counter(cell["outcomes"]), Counter(cell["causes"]), cell["latency"], cell["ok_s"])
            self.cells.setdefault((call, second), Cell()).add(found)

    def calls(self) -> list[str]:
        """In the order in which they were first made."""
        return list(dict.fromkeys(call for call, _ in self.cells))

    def total(self, call: str, since: float = 0.0, until: float = math.inf) -> Cell:
        """Everything of a call whose second lies in between."""
        whole = Cell()
        whole.add(*(cell for (name, at), cell in self.cells.items() if name == call and since <= at < until))
        return whole


class Recorder:
    """What one generator writes down; cheap, since it shares a core with the sending."""

    def __init__(self, warmup_s: float) -> None:
        self._warmup_s = warmup_s
        self._new()

    def _new(self) -> None:
        self._generator, self._lateness = Generator(), list[int]()
        self._values: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
        self._cells: defaultdict[tuple[str, int], Cell] = defaultdict(Cell)

    def left(self, due: float, late_s: float) -> None:
        """A request that was due at ``due`` (seconds from the start) left so much later."""
        if due >= self._warmup_s:
            self._generator.sent += 1
            self._generator.punctual += late_s <= PUNCTUAL_S
            self._lateness.append(int(late_s * 1e6))

    def dropped(self, due: float) -> None:
        """It could not be sent at all."""
        self._generator.dropped += due >= self._warmup_s

    def used(self, cpu_s: float, wall_s: float) -> None:
        """What this process took of a core, in a time after the warm-up."""
        self._generator.cpu_s += cpu_s
        self._generator.wall_s += wall_s

    def note(self, call: str, due: float, took_s: float, outcome: str, cause: str = "") -> None:
        """How it ended, ``took_s`` after it was due."""
        place = (call, int(due))
        cell = self._cells[place]
        cell.outcomes[outcome] += 1
        if cause:
            cell.causes[cause] += 1
        if outcome != REJECTED:
            self._values[place].append(LOST_US if outcome in LOST else int(took_s * 1e6))
        cell.ok_s += took_s if outcome == OK else 0.0

    def page(self) -> dict[str, Any]:
        """Everything since the last page, as JSON can carry it."""
        generator, cells, values = self._generator, self._cells, self._values
        generator.lateness = encoded(self._lateness)
        self._new()
        written = []
        for place, cell in cells.items():
            cell.latency = encoded(values[place]) if values[place] else ""
            written.append((*place, vars(cell) | {"outcomes": dict(cell.outcomes), "causes": dict(cell.causes)}))
        return {"generator": vars(generator), "cells": written}
