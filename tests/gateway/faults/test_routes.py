"""Predictions over HTTP: listed, made for now, and what a unit is like when healthy, from its own readings."""

from contextlib import closing
from datetime import timedelta

import pytest
from watched import MONTH, declare, last_days, send

from gateway import store
from gateway.equipment.tables import Unit
from gateway.faults import past, predicting

UNIT = "/api/v1/units/ahu-1"


@pytest.fixture
def gateway(plant, run_gateway):
    _, settings = plant
    with run_gateway(settings) as client:
        yield client


def predict_all(plant) -> None:
    while predicting.predict(*plant):
        pass


def test_what_was_predicted_is_listed_page_by_page_the_newest_first(plant, gateway):
    database, _ = plant
    declare(database, "ahu-1", 21_600)
    send(database, "ahu-1", last_days(3))
    assert gateway.get(f"{UNIT}/predictions").json() == {
        "items": [],
        "done_until": None,
        "skipped": 0,
        "trouble": None,
    }
    predict_all(plant)
    whole = gateway.get(f"{UNIT}/predictions", params={"details": True}).json()
    slots = [item["slot"] for item in whole["items"]]
    assert slots == sorted(slots, reverse=True)
    assert whole["done_until"] == slots[0]
    assert {item["answer"]["unit_id"] for item in whole["items"]} == {"ahu-1"}
    page = gateway.get(f"{UNIT}/predictions", params={"limit": 3})
    rest = gateway.get(page.links["next"]["url"])
    assert [item["slot"] for item in page.json()["items"] + rest.json()["items"]] == slots[:6]
    assert page.json()["items"][0]["answer"] is None


def test_a_unit_is_diagnosed_now_from_its_readings_and_nothing_is_kept(plant, gateway):
    database, _ = plant
    declare(database, "ahu-1", 21_600)
    refused = gateway.post(f"{UNIT}/diagnosis")
    assert refused.status_code == 422
    assert gateway.post("/api/v1/units/nobody/diagnosis").status_code == 404
    assert gateway.get(f"{UNIT}/predictions").json()["items"] == []


def test_a_healthy_period_becomes_the_units_reference(plant, gateway):
    database, _ = plant
    declare(database, "ahu-1", 21_600)
    readings = last_days(len(MONTH) // 96)
    send(database, "ahu-1", readings)
    since, until = readings.index[0], readings.index[-1]
    too_long = {"since": (until - timedelta(days=90)).isoformat(), "until": until.isoformat()}
    assert gateway.post(f"{UNIT}/healthy", json=too_long).status_code == 422
    nothing = {"since": (since - timedelta(days=20)).isoformat(), "until": since.isoformat()}
    assert gateway.post(f"{UNIT}/healthy", json=nothing).json()["type"].endswith("no-readings")
    made = gateway.post(f"{UNIT}/healthy", json={"since": since.isoformat(), "until": until.isoformat()})
    assert made.status_code == 200, made.text
    with store.transaction(database) as session:
        assert session.get_one(Unit, "ahu-1").reference == made.json()["reference"]


def test_a_budget_is_tried_on_what_was_predicted(plant, gateway):
    database, _ = plant
    declare(database, "ahu-1", 21_600)
    send(database, "ahu-1", last_days(4))
    predict_all(plant)
    slots = gateway.get(f"{UNIT}/predictions").json()["items"]
    with store.transaction(database) as session:
        first = session.get_one(Unit, "ahu-1").created_at - timedelta(days=30)
    with closing(past.findings(database, first, first + timedelta(days=31))) as found:
        assert len(list(found)) == len(slots)
    shown = gateway.post("/api/v1/alerts/budget", json={"alerts_a_day": 1, "miss_costs_visits": 10})
    assert shown.status_code == 200, shown.text
