"""A table of the past becomes readings of the right points in the right units of measure; so do values in Turtle."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from models import model, shared

from gateway import store
from gateway.equipment import brick, history, units
from gateway.equipment.account import Account
from gateway.equipment.adoption import adopt
from gateway.equipment.history import Switch, messages, of_table, of_turtle
from gateway.equipment.survey import survey
from gateway.equipment.units import Place
from gateway.rights import Identity
from gateway.telemetry import arrivals, readings
from gateway.telemetry.entries import Entries

ENGINEER = Identity(UUID(int=7), "wang", "engineer", "token")
DENVER = ZoneInfo("America/Denver")
ON = Switch("supply_fan_status", "SF Spd Cmd (%)", 5)
TABLE = """timestamp,OAT (°F),SF Spd Cmd (%),RF Spd Cmd (%)
2025-03-08 23:45:00,50,,1
2025-03-09 00:00:00,,0,1
2025-03-09 01:00:00,59,80,1
2025-03-09 02:30:00,60,81,1
2025-03-09 03:00:00,61,nan,1
"""
COLUMNS = {"OAT (°F)": "outdoor_air_temperature", "SF Spd Cmd (%)": "supply_fan_speed"}


@pytest.fixture
def plant(here):
    return here


def declare(database, turtle):
    """The units of a model whose labels are its time series; and the fan's status, which the real one lacks."""
    found = Account(survey(brick.read(turtle)), "label", "").report()
    with store.transaction(database) as session:
        adopt(session, found.units, ENGINEER, datetime(2025, 1, 1, tzinfo=UTC))
        units.set_point(session, Place("ahu_7", "supply_fan_status", "1"), None, ENGINEER, datetime.now(UTC))
        return {series: place.point for series, place in units.places(session).items()}


def test_a_days_rows_are_one_message_without_columns_that_no_point_has_and_hours_that_there_are_not():
    found = list(messages(of_table(TABLE.splitlines(True), COLUMNS, [ON]), "a", DENVER))
    assert [message["times"] for message in found] == [
        [
            "2025-03-09T06:45:00+00:00",
            "2025-03-09T07:00:00+00:00",
            "2025-03-09T08:00:00+00:00",
            "2025-03-09T09:00:00+00:00",
        ]
    ]
    assert found[0]["points"] == {
        "outdoor_air_temperature": [50, None, 59, 61],
        "supply_fan_speed": [None, 0, 80, None],
        "supply_fan_status": [None, 0, 1, None],
    }
    days = messages(of_table(TABLE.splitlines(True), COLUMNS, []), "a", ZoneInfo("UTC"), timedelta(days=364))
    assert [message["times"][0][:10] for message in days] == ["2026-03-07", "2026-03-08"]


def test_a_table_without_times_or_with_none_of_the_units_columns_says_so():
    for table, columns in ((TABLE, {}), (TABLE.replace("timestamp", "when"), COLUMNS)):
        with pytest.raises(ValueError, match="it needs a column of times and one of the unit's"):
            list(of_table(table.splitlines(True), columns, []))


def test_the_real_units_months_land_at_its_points_converted(plant):
    columns = declare(plant, shared("hvac_ahu7_brick/ahu7_brick_model.ttl").read_bytes())
    lines = shared("hvac_ahu7_brick/data_ahu7.csv").read_text().splitlines(True)[: 1 + 3 * 96]
    taken = []
    for message in messages(of_table(lines, columns, [ON]), "ahu_7", DENVER):
        records = list(Entries().read(1, json.loads(json.dumps(message))))
        taken.append(arrivals.take(plant, records, datetime(2025, 4, 17, tzinfo=UTC)))
    assert sum(receipt.accepted for receipt in taken) > 3000
    assert [refused for receipt in taken for refused in receipt.refused] == []
    first = datetime(2025, 1, 1, tzinfo=DENVER)
    with store.transaction(plant) as session:
        kept = readings.window(session, "ahu_7", first, first + timedelta(days=4))
    assert datetime.fromisoformat(str(kept["times"][0])) == first
    now = {name: (series["unit"], round(series["values"][0], 2)) for name, series in kept["points"].items()}
    assert now == {
        "outdoor_air_temperature": ("Cel", 7.36),  # 45.249 °F
        "return_air_temperature": ("Cel", 17.08),
        "mixed_air_temperature": ("Cel", 19.1),
        "supply_air_temperature": ("Cel", 16.94),
        "supply_air_temperature_setpoint": ("Cel", 21.11),
        "supply_fan_status": ("1", 0),
        "supply_fan_speed": ("%", 0),
        "outdoor_damper_position": ("%", 0),
        "cooling_valve_position": ("%", 0),
        "heating_valve_position": ("%", 100),
        "duct_static_pressure": ("Pa", 6.69),  # 0.026875 inches of water
    }
    assert max(kept["points"]["supply_fan_status"]["values"]) == 1


def test_values_in_turtle_become_readings_oldest_first():
    turtle = model("""
    :b a brick:Temperature_Sensor ; brick:sensor_value "20.5"^^xsd:float ; brick:hasTimestamp "2018/1/12 1:00" .
    :a a brick:Temperature_Sensor ; brick:sensor_value "17.9" ; brick:hasTimestamp "2018/1/2 1:00" .
    :c a brick:Temperature_Sensor ; brick:sensor_value "nan" ; brick:hasTimestamp "2018/1/3 1:00" .
    :d a brick:Temperature_Sensor ; brick:sensor_value "5" ; brick:hasTimestamp "soon" .""")
    found = list(messages(of_turtle(turtle, "return_air_temperature"), "a", ZoneInfo("Asia/Shanghai")))
    assert [(message["times"], message["points"]) for message in found] == [
        (["2018-01-01T17:00:00+00:00"], {"return_air_temperature": [17.9]}),
        (["2018-01-11T17:00:00+00:00"], {"return_air_temperature": [20.5]}),
    ]


def test_five_years_of_values_in_turtle_are_read_whole():
    turtle = shared("hvac_five_years_daily/Five_Years_Daily_Data.ttl").read_bytes()
    found = list(of_turtle(turtle, "return_air_temperature"))
    assert (len(found), found[0], found[-1][0]) == (
        1801,
        ("2018/1/1 1:00", {"return_air_temperature": 17.9}),
        "2023/1/1 1:00",
    )


def test_the_command_sends_a_table_to_a_gateway_and_says_what_became_of_it(
    gateway, right, tmp_path, capsys, monkeypatch
):
    number, begun = uuid4().hex, datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    points = {
        "outdoor_air_temperature": {"series_id": f"oat {number}", "unit": "[degF]"},
        "supply_fan_status": {"unit": "1"},
    }
    gateway.put(f"/api/v1/units/{number}", json={"points": points})
    table = tmp_path / "past.csv"
    rows = [f"{(begun + timedelta(minutes=15 * n)).isoformat()},{50 + n},{n}" for n in range(8)]
    table.write_text("\n".join([f"timestamp,oat {number},speed", *rows]))
    monkeypatch.setenv("FOREWATT_API_KEY", right["X-API-Key"])
    asked = [str(table), "--unit", number, "--url", str(gateway.base_url), "--on", "supply_fan_status=speed>3"]
    assert history.main(asked) == 0
    assert capsys.readouterr().out.startswith("16 accepted")
    kept = gateway.get(f"/api/v1/units/{number}/readings").json()["items"]
    assert [item["value"] for item in kept if item["point"] == "supply_fan_status"] == [0] * 4 + [1] * 4
    assert kept[0]["value"] == pytest.approx(10)
    gateway.delete(f"/api/v1/units/{number}")
