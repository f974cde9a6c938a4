from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bentos.fault.points import NAMES
from training.__main__ import main
from training.hvac import episodes_of, readings_of


@pytest.fixture(scope="module")
def campaign(tmp_path_factory) -> Path:
    """What ``python -m training simulate laboratory-small`` leaves behind."""
    out = tmp_path_factory.mktemp("laboratory")
    assert main(["simulate", "laboratory-small", "--out", str(out)]) == 0
    return out


def test_a_campaign_is_a_table_a_unit_and_one_of_episodes(campaign):
    episodes = episodes_of(campaign)
    units = set(episodes["unit"])
    assert {path.stem for path in campaign.glob("*.parquet")} == units | {"episodes"}
    assert set(episodes["split"]) == {"train", "validation", "test"}
    assert {"none", "slow"} <= set(episodes["kind"])
    for unit in units:
        readings = readings_of(campaign, unit)
        assert list(readings) == NAMES
        assert (str(readings.index.tz), len(readings)) == ("UTC", 46 * 96)
        assert set(readings.index.to_series().diff().dropna()) == {pd.Timedelta(minutes=15)}
        assert 0 < readings.isna().mean().mean() < 0.05


def test_readings_are_those_of_a_unit_that_works(campaign):
    (unit,) = episodes_of(campaign).query("split == 'train'")["unit"].unique()
    readings = readings_of(campaign, unit).iloc[: 15 * 96]
    on = readings[(readings["supply_fan_status"] == 1) & (readings["occupied"] == 1)]
    assert len(on) > 200
    error = on["supply_air_temperature"] - on["supply_air_temperature_setpoint"]
    assert error.abs().median() < 0.5
    assert on["zone_temperature"].between(19, 27).mean() > 0.95
    shares = readings[[name for name in NAMES if name.endswith(("_position", "_speed"))]].dropna()
    assert np.logical_and(shares >= 0, shares <= 100).all().all()


def test_a_campaign_goes_on_where_it_stopped_and_comes_out_the_same(campaign):
    (unit,) = episodes_of(campaign).query("split == 'validation'")["unit"].unique()
    path = campaign / f"{unit}.parquet"
    others = {other: other.stat().st_mtime_ns for other in campaign.glob("*.parquet") if other.stem.startswith("te")}
    before = path.read_bytes()
    path.unlink()
    assert len(episodes_of(campaign).query("split == 'validation'")) == 0  # only what has been run is told
    assert main(["simulate", "laboratory-small", "--out", str(campaign)]) == 0
    assert path.read_bytes() == before
    assert {other: other.stat().st_mtime_ns for other in others} == others


def test_another_recipes_folder_is_refused(campaign, capsys):
    assert main(["simulate", "laboratory", "--out", str(campaign)]) == 2
    assert "another recipe" in capsys.readouterr().err
