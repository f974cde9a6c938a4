"""Alerts over HTTP: listed page by page, looked at with their path, and worked on by whoever is on shift."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from matrix import World
from people import bearer

from gateway import store
from gateway.settings import Settings
from gateway.tokens import Signer

ALERTS = "/api/v1/alerts"
SECRET = "the-alerts-have-a-secret-of-their-own"  # noqa: S105


@pytest.fixture(scope="module")
def settings(upstream, tmp_path_factory):
    return Settings(data=tmp_path_factory.mktemp("alerts"), inference_url=upstream.url, secret=SECRET)


@pytest.fixture(scope="module")
def gateway(run_gateway, settings):
    with run_gateway(settings, key=False) as client:
        yield client


@pytest.fixture(scope="module")
def world(settings, gateway):
    database = store.connect(settings.database)
    yield World(database)
    database.dispose()


@pytest.fixture(scope="module")
def operator(world):
    made, _ = Signer(SECRET).make(world.user("operator"), 0)
    return bearer(made)


@pytest.fixture
def ask(gateway, operator):
    def asked(method, path, said=None, **headers):
        return gateway.request(method, path, headers=operator | headers, json=said)

    return asked


@pytest.fixture
def alert(world):
    return f"{ALERTS}/{world.alert()}"


def in_(span):
    return (datetime.now(UTC) + span).isoformat()


def test_an_alert_is_taken_given_set_aside_and_closed_with_a_reason_that_is_a_label(ask, alert):
    assert ask("GET", alert).json()["state"] == "active"
    taken = ask("POST", f"{alert}/acknowledge", {"note": "on my way"}).json()
    assert (taken["state"], taken["steps"][-1]["note"], taken["assignee"]) == (
        "acknowledged", "on my way", taken["steps"][-1]["actor"],
    )  # fmt: skip
    assert ask("POST", f"{alert}/assign", {"to": "王师傅"}).json()["assignee"] == "王师傅"
    assert ask("POST", f"{alert}/shelve", {"until": in_(timedelta(hours=3))}).json()["state"] == "shelved"
    assert ask("POST", f"{alert}/unshelve", {}).json()["state"] == "active"
    closed = ask("POST", f"{alert}/close", {"reason": "fixed", "note": "new belt"}).json()
    assert (closed["state"], closed["reason"], closed["closed_by"]) == ("closed", "fixed", taken["assignee"])
    assert [step["became"] for step in closed["steps"]][:4] == ["pending", "active", "acknowledged", "acknowledged"]
    assert [notice["kind"] for notice in closed["told"]] == ["raised", "cleared"]
    assert ask("POST", f"{alert}/close", {"reason": "true"}).json()["reason"] == "true"
    (label,) = (one for one in ask("GET", f"{ALERTS}/labels").json()["items"] if one["id"] == closed["id"])
    assert (label["reason"], label["fault"], label["unit_id"]) == ("true", "F-FAN-FAIL", closed["unit_id"])


def test_alerts_are_found_by_state_unit_and_level_page_by_page(ask, gateway, operator, world):
    made = {str(world.alert()) for _ in range(3)}
    page = gateway.get(ALERTS, headers=operator, params={"limit": 1, "state": ["active", "pending"], "level": 4})
    seen = page.json()["items"]
    while link := page.links.get("next"):
        page = gateway.get(link["url"], headers=operator)
        seen += page.json()["items"]
    assert made <= {one["id"] for one in seen}
    assert len({one["id"] for one in seen}) == len(seen)
    assert {one["state"] for one in seen} == {"active"}
    unit = seen[0]["unit_id"]
    assert [one["id"] for one in ask("GET", f"{ALERTS}?unit_id={unit}").json()["items"]] == [seen[0]["id"]]
    assert ask("GET", f"{ALERTS}?unit_id={unit}&state=closed").json()["items"] == []


def test_what_an_alerts_state_does_not_allow_is_409_and_what_is_not_there_404(ask, alert):
    ask("POST", f"{alert}/close", {"reason": "known"})
    for action, said in (("acknowledge", {}), ("assign", {"to": "x"}), ("unshelve", {})):
        answer = ask("POST", f"{alert}/{action}", said)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:forewatt:problem:alert-state")
    assert ask("POST", f"{ALERTS}/{uuid4()}/acknowledge", {}).status_code == 404
    assert ask("GET", f"{ALERTS}?after={uuid4()}").status_code == 404


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("close", {"reason": "whatever"}),
        ("close", {}),
        ("shelve", {"until": "2020-01-01T00:00:00Z"}),
        ("shelve", {"until": "2099-01-01T00:00:00Z"}),
        ("shelve", {"until": "tomorrow"}),
        ("acknowledge", {"note": "a\nb"}),
        ("assign", {}),
    ],
)
def test_what_cannot_be_understood_is_422(ask, alert, action, said):
    assert ask("POST", f"{alert}/{action}", said).status_code == 422
    assert ask("GET", alert).json()["state"] == "active"


def test_an_action_that_is_sent_again_under_its_key_is_done_once(ask, alert):
    key = {"Idempotency-Key": uuid4().hex}
    first, again = (ask("POST", f"{alert}/acknowledge", {}, **key) for _ in range(2))
    assert (first.status_code, again.status_code, again.headers["Idempotency-Replayed"]) == (200, 200, "true")
    assert first.json() == again.json()
    assert len(ask("GET", alert).json()["steps"]) == 3


def test_a_unit_is_out_of_service_until_it_is_back(ask, alert):
    unit = ask("GET", alert).json()["unit_id"]
    place = f"/api/v1/units/{unit}/absence"
    assert ask("GET", place).json() == {"absence": None}
    left = ask("PUT", place, {"until": in_(timedelta(days=1)), "note": "filters"}).json()
    assert (left["unit_id"], left["note"]) == (unit, "filters")
    assert ask("GET", place).json()["absence"] == left
    assert ask("GET", alert).json()["state"] == "out_of_service"
    assert ask("DELETE", place).status_code == 204
    assert ask("GET", alert).json()["state"] == "active"
    assert ask("DELETE", place).status_code == 409
    assert ask("PUT", "/api/v1/units/nobody/absence", {"until": in_(timedelta(days=1))}).status_code == 404
