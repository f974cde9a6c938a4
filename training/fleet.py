"""Units through a year, as they would have been watched: readings made ready by the very functions that serving calls.

A campaign is a folder with one Parquet a unit and year, and ``episodes.parquet`` with what went wrong when.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bentos.fault.windows import STEP, Prepared, prepare, reference_of
from training.alarms import Life
from training.datasets import DataError
from training.early_warning import NONE, Episode, Labels, labels
from training.hvac import episodes_of, readings_of
from training.progress import steps

HEALTHY = pd.Timedelta(days=28)  # at most, from which a unit's reference is made; it is watched from then on


@dataclass(frozen=True)
class Watched:
    """One unit: its life from the end of its healthy period on, and its readings as windows see them."""

    life: Life
    prepared: Prepared
    climate: str
    building: str

    def moments(self, every: pd.Timedelta) -> pd.DatetimeIndex:
        """At which it is asked about, in UTC."""
        return pd.date_range(self.life.begin.ceil("h"), self.life.end, freq=every)

    def windows(self, at: pd.DatetimeIndex) -> NDArray[np.float32]:
        """[N, T, C]."""
        return np.stack([self.prepared.window(moment) for moment in at])

    def labels(self, at: pd.DatetimeIndex, types: Sequence[str]) -> Labels:
        return labels(self.life.episodes, at, types)


def open_fleet(folder: Path, split: str, most: int | None = None) -> list[Watched]:
    """The units of ``train``, ``validation`` or ``test``, at most so many. Raises ``DataError``."""
    table = episodes_of(folder)
    names = [*dict.fromkeys(table["unit"][table["split"] == split])][:most]
    if not names:
        raise DataError(f"{folder.name} has no unit of the split '{split}'; simulate the campaign.")
    return [
        watched(name, table[table["unit"] == name], readings_of(folder, name)) for name in steps(names, split, "unit")
    ]


def types_of(folder: Path) -> list[str]:
    """``NONE`` and the codes of all faults in the campaign, in alphabetical order."""
    return [NONE, *sorted(set(episodes_of(folder)["fault"]) - {NONE})]


def begun(readings: pd.DataFrame) -> pd.DataFrame:
    """Stamped by the begin of each quarter-hour, as windows are; the laboratory stamps by the end."""
    return readings.set_axis(pd.DatetimeIndex(readings.index) - STEP)


def healthy(readings: pd.DataFrame, episodes: Sequence[Episode]) -> pd.DataFrame:
    """The days before the first fault, from which a unit's reference is made."""
    until = min([readings.index[0] + HEALTHY, *(episode.onset.floor("D") for episode in episodes)])
    before: pd.DataFrame = readings[readings.index < until]
    return before


def episodes_by_unit(table: pd.DataFrame, split: str) -> dict[str, list[Episode]]:
    """Of the units of a split, in the table's order."""
    chosen = table[table["split"] == split]
    return {str(unit): [*_each(rows)] for unit, rows in chosen.groupby("unit", sort=False)}


def watched(name: str, rows: pd.DataFrame, readings: pd.DataFrame) -> Watched:
    """A unit from the end of its healthy days on."""
    episodes, readings = [*_each(rows)], begun(readings)
    before = healthy(readings, episodes)
    life = Life(name, before.index[-1] + STEP, readings.index[-1] + STEP, episodes)
    about = rows.iloc[0]
    return Watched(life, prepare(readings, reference_of(before)), str(about["climate"]), str(about["building"]))


def _each(rows: pd.DataFrame) -> Iterator[Episode]:
    for row in rows[rows["fault"] != NONE].sort_values("onset").to_dict("records"):
        yield Episode(
            code=row["fault"],
            slow=row["kind"] == "slow",
            onset=row["onset"],
            functional_limit=row["functional_limit"],
            repair=row["repair"],
            shape=float(row["shape"]),
        )
