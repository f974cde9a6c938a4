"""Units are declared by JSON, told apart, listed, and say what can be predicted of them and what a point would add."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from bentos.fault.series import REQUIRED, Points
from gateway import store
from gateway.equipment import units
from gateway.equipment.measures import allowed
from gateway.equipment.outlook import outlook
from gateway.equipment.units import Declared, Place
from gateway.errors import Problem
from gateway.rights import Identity

NOW = datetime(2026, 5, 1, 8, tzinfo=UTC)
ENGINEER = Identity(UUID(int=7), "wang", "engineer", "token")
ALL = {name: {"unit": allowed(name)[0]} for name in REQUIRED}


def wanted(number="ahu_7", points=None, fed_by=(), kind="AHU"):
    return Declared(number, "AHU 7 机组", kind, "屋顶", "Asia/Shanghai", 900, points or {}, frozenset(fed_by))


def declare(database, *args, **more):
    with store.transaction(database) as session:
        units.declare(session, wanted(*args, **more), ENGINEER, NOW)


def refusal(database, *args, **more):
    with pytest.raises(Problem) as refused:
        declare(database, *args, **more)
    return refused.value.status_code, refused.value.type.rpartition(":")[2]


def test_a_unit_is_found_with_its_points_its_series_and_who_declared_it(database):
    declare(database, points={"occupied": ("楼.占用", "1"), "supply_fan_speed": (None, "%")})
    with store.transaction(database) as session:
        unit = units.find(session, "ahu_7")
        assert (unit.name, unit.place, unit.zone, unit.interval_s) == ("AHU 7 机组", "屋顶", "Asia/Shanghai", 900)
        assert (unit.changed_by, unit.changed_by_name, unit.created_at) == (ENGINEER.id, "wang", NOW)
        assert units.places(session) == {"楼.占用": Place("ahu_7", "occupied", "1")}
        assert units.points_of(session, "ahu_7") == {"occupied": "1", "supply_fan_speed": "%"}
        assert units.find(session, "AHU_7") is None
        assert [each.id for each in units.everyone(session)] == ["ahu_7"]


def test_declared_again_a_unit_has_the_new_points_alone_and_keeps_what_it_is_like_when_healthy(database):
    declare(database, points={"occupied": ("a", "1"), "supply_fan_speed": ("b", "%")})
    with store.transaction(database) as session:
        units.keep_reference(session, "ahu_7", {"flow": [1, 2.5]}, NOW)
    declare(database, points={"supply_fan_speed": ("a", "1")})
    with store.transaction(database) as session:
        assert units.places(session) == {"a": Place("ahu_7", "supply_fan_speed", "1")}
        assert units.find(session, "ahu_7").reference == {"flow": [1, 2.5]}


def test_a_time_series_belongs_to_one_point_of_one_unit(database):
    declare(database, points={"occupied": ("a", "1")})
    assert refusal(database, "ahu_8", {"occupied": ("a", "1")}) == (409, "series-taken")
    both = {"occupied": ("x", "1"), "supply_fan_status": ("x", "1")}
    assert refusal(database, "ahu_8", both) == (422, "series-twice")
    declare(database, "ahu_8", {"occupied": ("A", "1")})


def test_what_feeds_a_unit_has_to_be_another_one_that_is_there(database):
    declare(database, "ahu_1")
    declare(database, "vav_1", fed_by={"ahu_1"}, kind="VAV")
    assert refusal(database, "vav_2", fed_by={"ahu_2"}) == (422, "feeder-unknown")
    assert refusal(database, "ahu_1", fed_by={"ahu_1"}) == (422, "feeder-unknown")
    with store.transaction(database) as session:
        assert units.upstream(session) == {"vav_1": {"ahu_1"}}
        units.remove(session, "ahu_1")
    with store.transaction(database) as session:
        assert units.upstream(session) == {}
        with pytest.raises(Problem, match="no unit of this id"):
            units.remove(session, "ahu_1")


def test_without_the_fans_status_or_three_required_points_nothing_is_predicted():
    assert outlook("AHU", Points.model_fields).missing == []
    assert outlook("AHU", REQUIRED).predictable
    assert outlook("AHU", REQUIRED[:-2]).predictable
    assert not outlook("AHU", REQUIRED[:-3]).predictable
    without_status = outlook("AHU", set(REQUIRED) - {"supply_fan_status"})
    assert (without_status.predictable, without_status.faults) == (False, [])
    assert "supply_fan_status" in without_status.reason
    assert not outlook("VAV", REQUIRED).predictable


def test_a_missing_point_says_which_faults_it_alone_would_add():
    found = {each.point: each for each in outlook("AHU", REQUIRED).missing}
    assert "filter_pressure_drop" in found
    assert found["filter_pressure_drop"].adds == ["F-FILTER"]
    assert found["occupied"].adds == ["F-SCHED"]
    assert found["duct_static_pressure"].adds == []  # its set-point is missing too
    assert all(each.unlocks for each in found.values())
    with_setpoint = outlook("AHU", [*REQUIRED, "duct_static_pressure_setpoint"]).missing
    (pressure,) = (each for each in with_setpoint if each.point == "duct_static_pressure")
    assert pressure.adds == ["F-DUCT-LEAK", "F-FAN-BELT", "F-FILTER"]


def test_a_fault_says_by_which_rules_it_is_seen_and_whether_a_healthy_period_is_wanted():
    faults = {each.fault: each for each in outlook("AHU", [*REQUIRED, "zone_temperature"]).faults}
    assert faults["F-SEN-DRIFT"].by == ["FC2", "FC3", "RET-1"]
    assert not faults["F-SEN-DRIFT"].needs_reference
    few = {each.fault: each for each in outlook("AHU", [*REQUIRED, "supply_air_flow"]).faults}
    assert few["F-FAN-BELT"].needs_reference


def test_over_http_a_unit_is_declared_looked_at_listed_and_taken_away(gateway):
    body = {"kind": "Air_Handling_Unit", "zone": "America/Denver", "points": ALL}
    put = gateway.put("/api/v1/units/http:1", json=body)
    assert put.status_code == 200, put.text
    said = gateway.get("/api/v1/units/http:1").json()
    assert said == put.json()
    assert (said["name"], said["kind"], said["changed_by_name"]) == ("http:1", "AHU", "this machine")
    assert said["points"]["mixed_air_temperature"] == {"series_id": None, "unit": "Cel"}
    assert said["outlook"]["predictable"]
    gateway.put("/api/v1/units/http:2", json={"kind": "VAV", "fed_by": ["http:1"]})
    page = gateway.get("/api/v1/units", params={"limit": 1, "after": "http:"})
    assert [(one["id"], one["point_count"], one["predictable"]) for one in page.json()["items"]] == [
        ("http:1", len(REQUIRED), True)
    ]
    (rest,) = gateway.get(page.links["next"]["url"]).json()["items"]
    assert (rest["id"], rest["predictable"]) == ("http:2", False)
    assert gateway.get("/api/v1/units/http:1").json()["feeds"] == ["http:2"]
    assert [gateway.delete(f"/api/v1/units/http:{n}").status_code for n in (1, 2, 2)] == [204, 204, 404]


def test_over_http_a_healthy_units_reference_is_kept_as_it_came(gateway):
    gateway.put("/api/v1/units/r", json={})
    assert gateway.get("/api/v1/units/r/reference").json()["reference"] is None
    healthy = {"unit_id": "r", "reference": {"层": [1, None, {"x": 1e-300}]}}
    kept = gateway.put("/api/v1/units/r/reference", json=healthy).json()
    assert kept["reference"] == healthy["reference"]
    assert gateway.get("/api/v1/units/r/reference").json() == kept
    assert gateway.get("/api/v1/units/r").json()["reference_at"] == kept["reference_at"]
    other = gateway.put("/api/v1/units/r/reference", json={"unit_id": "s", "reference": {}})
    assert other.status_code == 422
    assert gateway.put("/api/v1/units/nobody/reference", json={"reference": {}}).status_code == 404


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"points": {"outside_air_temp": {"unit": "Cel"}}}, "outdoor_air_temperature"),
        ({"points": {"occupied": {"unit": "Cel"}}}, "occupied comes in 1"),
        ({"points": {"supply_air_flow": {"unit": "CFM"}}}, "[cft_i]/min"),
        ({"zone": "Mars/Olympus"}, "IANA"),
        ({"zone": "../etc/passwd"}, "IANA"),
        ({"interval_s": 5}, "60"),
        ({"fed_by": ["nobody"]}, "nobody cannot feed"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_a_unit_is_refused_with_what_could(gateway, body, word):
    refused = gateway.put("/api/v1/units/odd", json=body)
    assert refused.status_code == 422
    assert word in refused.text
    assert gateway.get("/api/v1/units/odd").status_code == 404


def test_over_http_one_point_is_added_changed_and_taken_away_beside_the_others(gateway):
    gateway.put("/api/v1/units/p", json={"points": ALL})
    address = "/api/v1/units/p/points/supply_fan_status"
    changed = gateway.put(address, json={"series_id": "SF Sts", "unit": "1"}).json()
    assert changed["points"]["supply_fan_status"] == {"series_id": "SF Sts", "unit": "1"}
    assert len(changed["points"]) == len(REQUIRED)
    assert gateway.put("/api/v1/units/p/points/occupied", json={"series_id": "SF Sts", "unit": "1"}).status_code == 409
    refused = gateway.put(address, json={"unit": "Cel"})
    assert (refused.status_code, "comes in 1" in refused.json()["detail"]) == (422, True)
    assert "supply_fan_status" not in gateway.delete(address).json()["points"]
    assert gateway.delete(address).status_code == 404
    assert gateway.put("/api/v1/units/nobody/points/occupied", json={"unit": "1"}).status_code == 404
    assert gateway.put("/api/v1/units/p/points/colour", json={"unit": "1"}).status_code == 422
    gateway.delete("/api/v1/units/p")
