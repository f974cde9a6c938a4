"""A few air-handling units by simple algebra, seconds to make: enough for every step, nothing to be proud of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

YEAR = pd.Timestamp("2021-01-01", tz="UTC")
DAYS = 120


def readings(rng: np.random.Generator, episodes: pd.DataFrame, days: int = DAYS) -> pd.DataFrame:
    """Points of a unit that mixes, cools and blows; filter and mixed air's sensor go wrong by ``episodes``."""
    at = pd.date_range(YEAR, periods=days * 96, freq="15min", unit="ns") + pd.Timedelta(minutes=15)
    hour, day = at.hour + at.minute / 60, np.asarray((at - YEAR) / pd.Timedelta(days=1), float)
    running = ((hour >= 7) & (hour < 19)).astype(float)
    outdoor = 12 + 5 * np.sin((hour - 9) / 24 * 2 * np.pi) + 4 * np.sin(day / 9)
    returned = np.full(len(at), 23.0)
    damper = np.clip((returned - 14) / np.maximum(returned - outdoor, 1) * 100, 20, 100)
    mixed = returned + (outdoor - returned) * damper / 100
    valve = np.clip((mixed - 13) * 12, 0, 100) * running
    flow = (1.5 + 0.8 * np.clip((outdoor - 8) / 15, 0, 1)) * running
    table = pd.DataFrame(
        {
            "outdoor_air_temperature": outdoor,
            "return_air_temperature": returned,
            "mixed_air_temperature": mixed + 4 * grown(episodes, "F-SEN-DRIFT", at),
            "supply_air_temperature": np.minimum(mixed, 13.0) + 0.6,
            "supply_air_temperature_setpoint": 13.5,
            "supply_fan_status": running,
            "supply_fan_speed": 30 + 20 * flow,
            "outdoor_damper_position": damper,
            "cooling_valve_position": valve,
            "heating_valve_position": 0.0,
            "filter_pressure_drop": 60 * flow**1.9 * (1 + grown(episodes, "F-FILTER", at)),
            "supply_air_flow": flow,
            "supply_fan_power": 0.6 * flow**2.5,
            "occupied": running,
        },
        index=at,
    )
    exact = ["supply_fan_status", "occupied", "supply_air_temperature_setpoint"]
    noise = rng.normal(0, 1, table.shape) * np.where(table.columns.isin(exact), 0, 0.1)
    scale = np.where(table.columns.isin(["filter_pressure_drop", "supply_air_flow", "supply_fan_power"]), 0.2, 1.0)
    return table + noise * scale * np.where(table > 5, 1.0, 0.1)


def grown(episodes: pd.DataFrame, code: str, at: pd.DatetimeIndex) -> np.ndarray:
    severity = np.zeros(len(at))
    for row in episodes[episodes["fault"] == code].to_dict("records"):
        way = np.asarray((at - row["onset"]) / (row["functional_limit"] - row["onset"]), float)
        severity += np.where((at > row["onset"]) & (at <= row["repair"]), np.clip(way, 0, 1.3), 0)
    return severity


def campaign(folder: Path, units: dict[str, int], days: int = DAYS) -> Path:
    """A folder as the laboratory writes it: in each split one healthy unit, the others with one fault of each kind."""
    folder.mkdir()
    tables, rng = [], np.random.default_rng(3)
    for split, count in units.items():
        for number in range(count):
            name = f"{split}-{number}"
            table = episodes_of(name, split, number, days, rng)
            readings(rng, table, days).to_parquet(folder / f"{name}.parquet")
            tables.append(table)
    pd.concat(tables, ignore_index=True).to_parquet(folder / "episodes.parquet")
    return folder


def episodes_of(name: str, split: str, number: int, days: int, rng: np.random.Generator) -> pd.DataFrame:
    about = {"unit": name, "split": split, "climate": "made", "building": f"{split}-b{number}", "shape": 1.0}
    nothing = {"onset": pd.NaT, "functional_limit": pd.NaT, "repair": pd.NaT}
    rows = [{**about, **nothing, "fault": "none", "kind": "none"}]
    if number:
        rows, begin = [], 30
        for code in ("F-FILTER", "F-SEN-DRIFT") if number % 2 else ("F-SEN-DRIFT", "F-FILTER"):
            onset = YEAR + pd.Timedelta(days=begin + int(rng.integers(4)), hours=10)
            limit = onset + pd.Timedelta(days=20)
            rows.append({**about, "fault": code, "kind": "slow", "onset": onset, "functional_limit": limit,
                         "repair": limit + pd.Timedelta(days=2)})  # fmt: skip
            begin += 44
    table = pd.DataFrame(rows)
    for column in nothing:
        table[column] = pd.to_datetime(table[column], utc=True).astype("datetime64[ms, UTC]")
    return table
