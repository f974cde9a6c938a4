"""What is refused of units, readings, alerts and channels, each with its code, to a client that judges remedies."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse

sys.path.insert(0, str(Path(__file__).parent))
from people import bearer, login
from remedies import has_remedy

from gateway import store
from gateway.channels import routes as channels
from gateway.equipment import units, upload
from gateway.equipment.tables import Unit
from gateway.errors import Meanwhile
from gateway.settings import Settings

ADMIN = "correct horse battery"
NOBODY = UUID(int=0)
UNIT, SENT = "/api/v1/units/u", "/api/v1/telemetry"
BUDGET = {"alerts_a_day": 1, "miss_costs_visits": 10}
MAIL = {"host": "mail.example.org", "sender": "a@example.org", "recipients": ["b@example.org"]}
TURTLE = b"@prefix b: <https://brickschema.org/schema/Brick#> . <urn:a> a b:AHU . <urn:b> a b:AHU ."
LATER = (datetime.now(UTC) + timedelta(days=400)).isoformat()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("plant")


@pytest.fixture(scope="module")
def caller(folder, run_gateway, upstream):
    upstream.reset()
    more = {"admin_password": ADMIN, "telemetry_rows": 1, "rate_limit": "off"}
    with run_gateway(Settings(data=folder, inference_url=upstream.url, **more), key=False) as client:
        client.headers.update(bearer(login(client, "admin", ADMIN).json()["token"]))
        assert client.put(UNIT, json={}).status_code == 200
        yield client


def send(caller, content, **headers):
    return caller.post(SENT, content=content, headers={"Content-Type": "application/json", **headers})


def channel(caller, name=None, target=MAIL):
    return caller.post("/api/v1/channels", json={"name": name or str(uuid4()), "kind": "email", "target": target})


def twice(caller):
    return [channel(caller, "twice") for _ in range(2)][1]


def brick(caller):
    return caller.post("/api/v1/equipment/brick", files={"file": ("model.ttl", TURTLE)})


PROVOKED = {
    "alert-unknown": lambda c: c.get(f"/api/v1/alerts/{NOBODY}"),
    "off-above-on": lambda c: c.post("/api/v1/alerts/budget/apply", json={"budget": BUDGET, "on": 0.2, "off": 0.8}),
    "end-impossible": lambda c: c.put(f"{UNIT}/absence", json={"until": LATER}),
    "unit-in-service": lambda c: c.delete(f"{UNIT}/absence"),
    "no-such-channel": lambda c: c.get(f"/api/v1/channels/{NOBODY}"),
    "no-such-notice": lambda c: c.get(f"/api/v1/notices/{NOBODY}"),
    "channel-name-taken": twice,
    "invalid-target": lambda c: channel(c, target={}),
    "unsupported-encoding": lambda c: send(c, b"[]", **{"Content-Encoding": "br"}),
    "not-gzip": lambda c: send(c, b"[]", **{"Content-Encoding": "gzip"}),
    "too-many-readings": lambda c: send(c, b'[{"unit_id": "u"}, {"unit_id": "u"}]'),
    "csv-header": lambda c: send(c, b"a,b\n1,2\n", **{"Content-Type": "text/csv"}),
    "timezone-unknown": lambda c: c.post(SENT, params={"timezone": "Mars/Olympus"}, json=[]),
    "page-unknown": lambda c: c.get(f"{UNIT}/readings", params={"after": "x"}),
    "range-unknown": lambda c: c.get(f"{UNIT}/readings", params={"since": LATER}),
    "dead-letter-unknown": lambda c: c.get(f"{SENT}/dead-letters", params={"after": str(NOBODY)}),
    "reference-of-another": lambda c: c.put(f"{UNIT}/reference", json={"unit_id": "v", "reference": {}}),
}


@pytest.mark.parametrize("code", PROVOKED)
def test_it_is_refused_with_its_code_and_a_remedy(caller, code):
    refused = PROVOKED[code](caller)
    assert 400 <= refused.status_code < 500, refused.text
    assert refused.json()["type"].endswith(f":{code}")


def test_there_is_an_end_to_channels(caller, monkeypatch):
    monkeypatch.setattr(channels, "MOST", 0)
    assert channel(caller).json()["type"].endswith(":too-many-channels")


def test_there_is_an_end_to_the_units_of_a_model(caller, monkeypatch):
    monkeypatch.setattr(upload, "MOST_UNITS", 1)
    assert brick(caller).json()["type"].endswith(":too-many-units")


def test_without_a_fault_model_the_caller_hears_who_can_help(caller, upstream):
    upstream.answer = JSONResponse({"code": "no_model"}, 404)
    refused = caller.post("/api/v1/diagnoses", json={})
    upstream.reset()
    assert refused.json()["type"].endswith(":no-fault-model")


def test_of_two_who_declare_a_unit_at_the_same_moment_one_is_told_to_come_again(caller, folder):
    database = store.connect(f"sqlite:///{folder / 'forewatt.db'}")
    now = datetime.now(UTC)
    known = {"name": "u", "kind": "AHU", "created_at": now, "changed_at": now, "changed_by": NOBODY}
    session = Session(database)
    session.add(Unit(id="u", changed_by_name="x", **known))
    with pytest.raises(Meanwhile) as heard:
        units.flush(session)
    session.close()
    database.dispose()
    assert heard.value.type.endswith(":unit-changed")
    assert has_remedy(heard.value.detail)


def test_a_model_that_takes_too_much_is_refused():
    assert upload._too_much().type.endswith(":model-too-much")
    assert has_remedy(upload._too_much().detail)
