"""The rules of ``bentos.fault`` as a detector of their own: what they say of each 72 hours, without a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from bentos.fault.inspection import judge, suspects
from bentos.fault.operation import Operation, observe
from bentos.fault.windows import STEPS, judged, reference_of
from training.alarms import Verdicts
from training.early_warning import NONE
from training.fleet import Watched, begun, healthy
from training.hvac import readings_of

SCHEDULE = "SCHED"  # that a unit ran at night is true, and none of the faults that were put in


class RulesAlone:
    """A unit's whole life is observed once; at each moment the rules judge its last 72 hours.

    What counts as silent until now would be another thing at each moment: that rule is left out.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = ""
        self._seen: Operation | None = None

    def __call__(self, unit: Watched, at: pd.DatetimeIndex) -> Verdicts:
        life = self._life(unit)
        said = [self._verdict(life, moment) for moment in at]
        return Verdicts(at, np.array([float(bool(code)) for code in said]), np.array([code or NONE for code in said]))

    def _life(self, unit: Watched) -> Operation:
        if self._name != unit.life.unit:
            readings = begun(readings_of(self._folder, unit.life.unit))
            reference = reference_of(healthy(readings, unit.life.episodes))
            self._name, self._seen = unit.life.unit, observe(readings, judged(readings, reference), reference)
        assert self._seen is not None  # noqa: S101 - for mypy
        return self._seen

    @staticmethod
    def _verdict(life: Operation, at: pd.Timestamp) -> str:
        """The fault that is suspected most, or nothing."""
        last = int(life.stamps.searchsorted(at))
        fired, _ = judge(_between(life, slice(max(last - STEPS, 0), last)))
        return str(next(iter(suspects([found for found in fired if found.rule.code != SCHEDULE])), ""))


def _between(life: Operation, rows: slice) -> Operation:
    def cut(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: values[rows] for name, values in columns.items()}

    silent = np.zeros_like(life.silent[rows])
    return replace(
        life, stamps=life.stamps[rows], quarters=cut(life.quarters), settled=life.settled[rows],
        errors=cut(life.errors), flat=life.flat[rows], silent=silent,
    )  # fmt: skip
