"""A Brick model is uploaded: tried first, taken over, told again without harm, and refused with what to do."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from models import AHU, model, shared

from gateway import store
from gateway.equipment import units, upload
from gateway.equipment.adoption import adopt
from gateway.equipment.units import Place
from gateway.errors import Problem
from gateway.rights import Identity

PATH = "/api/v1/equipment/brick"


def send(gateway, turtle, name="model.ttl", **options):
    return gateway.post(PATH, files={"file": (name, turtle, "text/turtle")}, params=options)


@pytest.fixture
def prefix(gateway):
    """Nobody else's units have it; they are taken away afterwards."""
    mine = f"{uuid4().hex[:8]}."
    yield mine
    for unit in gateway.get("/api/v1/units", params={"limit": 500, "after": mine}).json()["items"]:
        if unit["id"].startswith(mine):
            gateway.delete(f"/api/v1/units/{unit['id']}")


def test_a_model_is_tried_without_storing_anything_and_then_taken_over(gateway, prefix):
    tried = send(gateway, AHU, prefix=prefix, dry_run=True).json()
    assert (tried["stored"], {unit["change"] for unit in tried["units"]}) == (False, {"new"})
    assert gateway.get(f"/api/v1/units/{prefix}ahu-1").status_code == 404
    taken = send(gateway, AHU, prefix=prefix).json()
    assert taken == tried | {"stored": True}
    unit = gateway.get(f"/api/v1/units/{prefix}ahu-1").json()
    assert (unit["name"], unit["place"], unit["feeds"]) == ("AHU 1", "实验楼 / Roof", [f"{prefix}vav-1"])
    assert unit["points"]["supply_air_temperature"] == {"series_id": "sat-1", "unit": "[degF]"}
    assert unit["outlook"] == next(one["outlook"] for one in taken["units"] if one["id"] == unit["id"])


def test_the_same_model_again_changes_nothing_and_what_was_declared_beside_it_stays(gateway, prefix):
    send(gateway, AHU, prefix=prefix)
    address = f"/api/v1/units/{prefix}ahu-1"
    unit = gateway.get(address).json()
    declared = {name: unit[name] for name in ("name", "kind", "place", "points", "fed_by")} | {"interval_s": 300}
    declared["points"]["return_air_temperature"] = {"series_id": f"{prefix}rat", "unit": "K"}
    declared["points"]["occupied"]["series_id"] = f"{prefix}occ"
    gateway.put(address, json=declared)
    again = send(gateway, AHU, prefix=prefix).json()
    assert {unit["change"] for unit in again["units"]} == {"same"}
    kept = gateway.get(address).json()
    assert (kept["points"], kept["interval_s"]) == (declared["points"], 300)
    renamed = send(gateway, AHU.replace(b'"AHU 1"', b'"AHU One"'), prefix=prefix).json()
    assert {unit["name"]: unit["change"] for unit in renamed["units"]} == {"AHU One": "changed", "vav-1": "same"}
    assert gateway.get(address).json()["points"] == declared["points"]


def test_two_points_may_swap_their_time_series_but_not_take_another_units(gateway, prefix):
    def plant(unit, one, other):
        return model(f"""
        :{unit} a brick:AHU ; brick:hasPoint :p, :q .
        :p a brick:Mixed_Air_Temperature_Sensor ; ref:hasTimeseriesId "{prefix}{one}" .
        :q a brick:Return_Air_Temperature_Sensor ; ref:hasTimeseriesId "{prefix}{other}" .""")

    assert send(gateway, plant("a", "x", "y"), prefix=prefix).status_code == 200
    taken = send(gateway, plant("b", "z", "y"), prefix=prefix)
    assert (taken.status_code, taken.json()["type"].rpartition(":")[2]) == (409, "series-taken")
    assert f"{prefix}a" in taken.json()["detail"]
    assert gateway.get(f"/api/v1/units/{prefix}b").status_code == 404


def test_on_every_database_a_model_is_taken_over_once_and_its_points_may_swap_their_series(database):
    def taken(turtle):
        found = upload.examine(turtle, "reference", "").units
        with store.transaction(database) as session:
            adopt(session, found, Identity(UUID(int=7), "wang", "engineer", "token"), datetime.now(UTC))
        return {unit.id: unit.change for unit in found}

    assert taken(AHU) == {"ahu-1": "new", "vav-1": "new"}
    assert taken(AHU) == {"ahu-1": "same", "vav-1": "same"}
    swapped = AHU.replace(b'"fan-on"', b'"x"').replace(b'"fan-speed"', b'"fan-on"').replace(b'"x"', b'"fan-speed"')
    assert taken(swapped) == {"ahu-1": "changed", "vav-1": "same"}
    with store.transaction(database) as session:
        assert units.places(session)["fan-on"] == Place("ahu-1", "supply_fan_speed", "%")
        assert units.upstream(session) == {"vav-1": {"ahu-1"}}


def test_a_request_with_its_key_is_done_once(gateway, prefix):
    def asked():
        headers = {"Idempotency-Key": f"once-{prefix}"}
        return gateway.post(PATH, files={"file": ("m.ttl", AHU)}, params={"prefix": prefix}, headers=headers)

    first, second = asked(), asked()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.json() == first.json()


@pytest.mark.parametrize(
    ("name", "content", "status", "code"),
    [
        ("model.xlsx", b"PK", 415, "not-turtle"),
        ("model.ttl", b"<a> <b> <c> .\n<d> <e>", 422, "turtle-broken"),
        ("model.ttl", b"", 422, "model-empty"),
        ("model.TTL", b"# nothing but a comment", 422, "model-empty"),
    ],
)
def test_what_is_no_model_is_refused_with_its_line(gateway, name, content, status, code):
    refused = send(gateway, content, name)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (status, code)
    if code == "turtle-broken":
        assert refused.json()["errors"][0]["row"] == 2
        assert "Line 2" in refused.json()["detail"]


def test_a_model_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(upload, "PATIENCE_S", 0.01)
    with pytest.raises(Problem, match="more memory or time"):
        upload.examine(AHU, "reference", "")


def test_a_prefix_of_a_million_letters_used_again_and_again_is_stopped_by_its_length():
    bomb = b"@prefix p: <http://x/" + b"x" * 1_000_000 + b"> ." + b" p:a p:b p:c ." * 100_000
    begun = time.monotonic()
    with pytest.raises(Problem, match="more than 2000 letters"):
        upload.examine(bomb, "reference", "")
    assert time.monotonic() - begun < 20


def test_a_real_units_model_names_its_columns_and_the_one_point_that_is_missing(gateway, prefix):
    ahu7 = shared("hvac_ahu7_brick/ahu7_brick_model.ttl").read_bytes()
    found = send(gateway, ahu7, prefix=prefix, ids="label", dry_run=True).json()
    (unit,) = found["units"]
    assert (unit["name"], unit["place"], found["findings"]) == ("AHU 7", "Elementary School", [])
    assert {each["point"]: (each["series_id"], each["unit"]) for each in unit["points"]} == {
        "outdoor_air_temperature": ("OAT (°F)", "[degF]"),
        "return_air_temperature": ("RAT (°F)", "[degF]"),
        "mixed_air_temperature": ("MAT (°F)", "[degF]"),
        "supply_air_temperature": ("SAT (°F)", "[degF]"),
        "supply_air_temperature_setpoint": ("Eff SAT Sp (°F)", "[degF]"),
        "outdoor_damper_position": ("OA Damper Cmd (%)", "%"),
        "cooling_valve_position": ("Clg Vlv Cmd (%)", "%"),
        "heating_valve_position": ("Prht Vlv Cmd (%)", "%"),
        "supply_fan_speed": ("SF Spd Cmd (%)", "%"),
        "duct_static_pressure": ("SA Static Press (inH₂O)", "[in_i'H2O]"),
    }
    assert not unit["outlook"]["predictable"]
    status = next(each for each in unit["outlook"]["missing"] if each["point"] == "supply_fan_status")
    assert status["required"]
    assert len(status["adds"]) > 10
