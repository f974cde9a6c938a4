from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from bentos.fault.points import NAMES, REQUIRED
from training.datasets import DataError
from training.hvac import LBNL_COLUMNS, Column, open_lbnl, open_table

ROOT = Path(__file__).parents[2]
LBNL = ROOT / os.environ.get("FOREWATT_SHARED", "../shared") / "data/hvac_lbnl_mzvav2"
AHU7 = LBNL.parent / "hvac_ahu7_brick"
needs_lbnl = pytest.mark.skipif(not LBNL.is_dir(), reason="FOREWATT_SHARED has no data/hvac_lbnl_mzvav2")


def written(path: Path, rows: int = 3, **differs: object) -> Path:
    table = {"at ": [f"2024-01-01 00:{15 * row:02}" for row in range(rows)], **{name: [50] * rows for name in REQUIRED}}
    pd.DataFrame(table | differs).to_csv(path, index=False)
    return path


def columns(**differs: Column) -> dict[str, Column]:
    units = {name: LBNL_COLUMNS[name].unit for name in REQUIRED}
    return {
        name: Column(name, "%" if unit == "1" and "status" not in name else unit) for name, unit in units.items()
    } | differs


def test_any_table_becomes_points_in_our_units_and_utc(tmp_path):
    table = open_table(written(tmp_path / "unit.csv"), "at", columns(), "Europe/Berlin")
    assert str(table.index[0]) == "2023-12-31 23:00:00+00:00"
    assert list(table) == [name for name in NAMES if name in REQUIRED]
    assert table["outdoor_air_temperature"].tolist() == pytest.approx([10.0] * 3)  # 50 °F
    assert table["supply_fan_speed"].tolist() == [50.0] * 3


@pytest.mark.parametrize(
    ("differs", "said"),
    [
        ({"zone": Column("zone", "Cel")}, "no point zone"),
        ({"supply_fan_speed": Column("supply_fan_speed", "rpm")}, "supply_fan_speed cannot be in rpm"),
        ({"supply_fan_speed": Column("speed", "%")}, "no column speed"),
    ],
)
def test_a_map_that_names_nothing_is_refused_by_its_name(tmp_path, differs, said):
    with pytest.raises(DataError, match=said):
        open_table(written(tmp_path / "unit.csv"), "at", columns(**differs), "UTC")


def test_a_required_point_without_a_column_is_named(tmp_path):
    few = {name: column for name, column in columns().items() if name != "mixed_air_temperature"}
    with pytest.raises(DataError, match="mixed_air_temperature"):
        open_table(written(tmp_path / "unit.csv"), "at", few, "UTC")


def test_words_and_moments_twice_are_refused(tmp_path):
    with pytest.raises(DataError, match="not a number"):
        open_table(written(tmp_path / "a.csv", supply_fan_speed=["50", "fast", "50"]), "at", columns(), "UTC")
    with pytest.raises(DataError, match="twice"):
        open_table(written(tmp_path / "b.csv", **{"at ": ["2024-01-01"] * 3}), "at", columns(), "UTC")


@needs_lbnl
@pytest.mark.parametrize(("name", "days", "faulty"), [("MZVAV-2-1", 15, 3), ("MZVAV-2-2", 26, 13)])
def test_lbnls_days_stay_apart_and_are_labelled_by_the_inventory(name, days, faulty):
    opened = open_lbnl(LBNL, name)
    assert len(opened) == days
    assert sum(day.fault != "none" for day in opened) == faulty
    assert {len(day.readings) for day in opened} == {1440}
    assert {day.others.shape for day in opened} == {(1440, 4)}
    assert all(day.others.index.equals(day.readings.index) for day in opened)
    third = next(day for day in opened if str(day.date.date()) == "2007-08-30")
    assert (third.fault, third.intensity) == ("F-HCV-LEAK", "2.0 GPM")  # the table's own column denies it


@needs_lbnl
def test_lbnls_readings_are_in_our_units():
    readings = pd.concat([day.readings for day in open_lbnl(LBNL, "MZVAV-2-2")])
    on = readings[readings["supply_fan_status"] == 1]
    assert on["supply_air_temperature"].median() == pytest.approx(13, abs=2)
    assert on["supply_fan_speed"].max() == 100
    assert on["duct_static_pressure_setpoint"].unique() == pytest.approx([348.7], abs=0.1)
    assert str(readings.index.tz) == "UTC"


@pytest.mark.skipif(not AHU7.is_dir(), reason="FOREWATT_SHARED has no data/hvac_ahu7_brick")
def test_a_real_units_export_opens_by_a_map_of_its_columns():
    named = {
        "outdoor_air_temperature": Column("OAT (°F)", "[degF]"),
        "return_air_temperature": Column("RAT (°F)", "[degF]"),
        "mixed_air_temperature": Column("MAT (°F)", "[degF]"),
        "supply_air_temperature": Column("SAT (°F)", "[degF]"),
        "supply_air_temperature_setpoint": Column("Eff SAT Sp (°F)", "[degF]"),
        "supply_fan_status": Column("SF Sts", "1"),
        "supply_fan_speed": Column("SF Spd Cmd (%)", "%"),
        "outdoor_damper_position": Column("OA Damper Cmd (%)", "%"),
        "cooling_valve_position": Column("Clg Vlv Cmd (%)", "%"),
        "heating_valve_position": Column("Prht Vlv Cmd (%)", "%"),
        "duct_static_pressure": Column("SA Static Press (inH₂O)", "[in_i'H2O]"),
    }
    table = open_table(AHU7 / "data_ahu7.csv", "timestamp", named, "UTC")
    assert len(table) == 10213
    assert table["return_air_temperature"].median() == pytest.approx(20, abs=4)
    assert 200 < table["duct_static_pressure"].max() < 700
