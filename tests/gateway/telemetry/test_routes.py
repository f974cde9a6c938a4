"""Readings over HTTP: every form means the same, what is right in a body is stored, and bounds hold."""

import csv
import gzip
import io
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from plants import ZONE, declare

from gateway import store
from gateway.settings import Settings

PATH = "/api/v1/telemetry"
LETTERS = f"{PATH}/dead-letters"
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
MINUTE = timedelta(minutes=1)
JSON = "application/json"
RAT = "return_air_temperature"


@pytest.fixture(scope="module")
def settings(upstream, tmp_path_factory):
    knobs = {"telemetry_rows": 2000, "telemetry_unpacked_bytes": 1024 * 1024}
    return Settings(data=tmp_path_factory.mktemp("telemetry"), inference_url=upstream.url, **knobs)


@pytest.fixture(scope="module")
def gateway(run_gateway, settings):
    with run_gateway(settings) as client:
        yield client


@pytest.fixture(scope="module")
def plant(settings, gateway):
    database = store.connect(settings.database)
    yield database
    database.dispose()


@pytest.fixture
def unit(plant):
    """A unit that has no readings yet."""
    name = uuid4().hex
    declare(plant, name)
    return name


def at(minutes_ago):
    return (NOW - minutes_ago * MINUTE).isoformat()


def rows(unit, n=3):
    return [
        {"unit_id": unit, "point": point, "at": at(m), "value": 20.0 + m / 10}
        for m in range(n)
        for point in (ZONE, RAT)
    ]


def compact(unit, n=3):
    values = [20.0 + m / 10 for m in range(n)]
    return {"unit_id": unit, "times": [at(m) for m in range(n)], "points": {ZONE: values, RAT: {"values": values}}}


def as_csv(header, lines):
    file = io.StringIO()
    csv.writer(file).writerows([header, *lines])
    return file.getvalue().encode()


def event(data, **more):
    known = {"specversion": "1.0", "id": uuid4().hex, "source": "/test", "type": "io.hvac.telemetry.v1"}
    return known | {"data": data} | more


FORMS = {
    "records": (lambda unit: json.dumps(rows(unit)).encode(), "application/json"),
    "one axis of times": (lambda unit: json.dumps(compact(unit)).encode(), "application/json; charset=utf-8"),
    "lines": (lambda unit: b"\n".join(json.dumps(row).encode() for row in rows(unit)), "application/x-ndjson"),
    "a line for a unit": (lambda unit: json.dumps(compact(unit)).encode() + b"\n\n", "application/jsonl"),
    "long CSV": (
        lambda unit: as_csv(
            ["unit_id", "point", "at", "value"], [[r["unit_id"], r["point"], r["at"], r["value"]] for r in rows(unit)]
        ),
        "text/csv",
    ),
    "wide CSV": (
        lambda unit: as_csv(["at", "unit_id", ZONE, RAT], [[at(m), unit, 20 + m / 10, 20 + m / 10] for m in range(3)]),
        "text/csv",
    ),
    "wide CSV of series": (
        lambda unit: as_csv(
            ["timestamp", f"{unit}/{ZONE}", f"{unit}/{RAT}"], [[at(m), 20 + m / 10, 20 + m / 10] for m in range(3)]
        ).replace(b",", b";"),
        "text/csv",
    ),
    "an event": (lambda unit: json.dumps(event(rows(unit))).encode(), "application/cloudevents+json"),
    "events": (
        lambda unit: json.dumps([event(row) for row in rows(unit)]).encode(),
        "application/cloudevents-batch+json",
    ),
    "an event whose key is the unit": (
        lambda unit: json.dumps(
            event({key: value for key, value in compact(unit).items() if key != "unit_id"}, partitionkey=unit)
        ).encode(),
        "application/cloudevents+json",
    ),
}


def send(gateway, body, kind="application/json", **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return gateway.post(PATH, content=content, headers={"Content-Type": kind, **headers})


def stored(gateway, unit, **asked):
    return gateway.get(f"/api/v1/units/{unit}/readings", params=asked).json()["items"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("packed", [False, True], ids=["", "gzip"])
def test_every_form_means_the_same(gateway, unit, form, packed):
    made, kind = FORMS[form]
    body, headers = made(unit), {"Content-Encoding": "gzip"} if packed else {}
    answer = send(gateway, gzip.compress(body) if packed else body, kind, **headers)
    counted = {"accepted": 6, "duplicates": 0, "quarantined": 0, "late": 0, "refused": 0, "errors": []}
    assert (answer.status_code, answer.json()) == (200, counted)
    found = [(item["at"], item["point"], item["value"], item["unit"]) for item in stored(gateway, unit)]
    wanted = [(at(m).replace("+00:00", "Z"), p, 20.0 + m / 10, "Cel") for m in (2, 1, 0) for p in (RAT, ZONE)]
    assert found == wanted
    assert send(gateway, body, kind).json()["duplicates"] == 6


def test_what_is_right_is_stored_and_each_other_line_is_told_with_its_reason_and_what_to_do(gateway, unit):
    good = rows(unit, 1)[0]
    wrong = [
        good | {"value": "warm"}, good | {"at": "yesterday"}, good | {"at": "2026-01-01T00:00:00"},
        good | {"unit": "Cel"},
        {"value": 1, "at": at(1)}, good | {"unit_id": ""}, good | {"point": "a\u0000b"}, good | {"value": True}, 7,
        good | {"value": 1e300}, good | {"at": "2026-02-30T00:00:00Z"}, good | {"unit_id": "nobody"},
        good | {"uom": "kW"}, good | {"at": "2030-01-01T00:00:00Z"}, {k: v for k, v in good.items() if k != "value"},
    ]  # fmt: skip
    answer = send(gateway, [*wrong, good])
    assert (answer.status_code, answer.json()["accepted"], answer.json()["refused"]) == (207, 1, len(wrong))
    errors = answer.json()["errors"]
    assert [error["row"] for error in errors] == list(range(1, len(wrong) + 1))
    assert [error["code"] for error in errors] == [
        "value", "time", "time", "field-unknown", "form", "name", "name", "value", "form", "value", "time",
        "unit-unknown", "unit-of-measure", "future", "value",
    ]  # fmt: skip
    assert all(error["remedy"] and error["message"] for error in errors)


def test_where_nothing_can_be_taken_it_is_422(gateway):
    refused = send(gateway, rows("nobody"))
    assert refused.status_code == 422
    assert refused.json()["type"] == "urn:forewatt:problem:telemetry-refused"
    assert len(refused.json()["errors"]) == 6


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[NaN]", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"a":' * 100_000, "application/x-ndjson", 422),
        (b"[]", "application/json", 422),
        (b"", "application/x-ndjson", 422),
        (b"1,2", "text/plain", 415),
        (b"\xff\xfe", "text/csv", 400),
        (b'at,x\n"2026', "text/csv", 400),
        (b"when,value\n1,2", "text/csv", 422),
        (b"at,a,a\n1,2,3", "text/csv", 422),
        (b"[{}]" + b" " * 8_400_000, "application/json", 413),
        (json.dumps([{}] * 2001).encode(), "application/json", 413),
        (json.dumps({"unit_id": "u", "times": [0] * 2001, "points": {"a": [1] * 2001}}).encode(), JSON, 413),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_refused_as_a_whole(gateway, body, kind, status):
    answer = send(gateway, body, kind)
    assert answer.status_code == status, answer.text[:300]
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (gzip.compress(b" " * 2_000_000), "gzip", 413),
        (gzip.compress(b"[]", mtime=0)[:-9], "gzip", 400),
        (b"[]", "gzip", 400),
        (b"[]", "br", 415),
    ],
)
def test_a_packed_body_is_bounded_before_it_is_unpacked(gateway, body, encoding, status):
    assert send(gateway, body, **{"Content-Encoding": encoding}).status_code == status


def test_local_times_of_a_csv_want_a_zone_and_an_hour_that_there_is_once(gateway, unit):
    body = f"timestamp,{ZONE}\n2026-07-01 08:00:00,21\n2026-10-25 02:30:00,21\n2026-03-29 02:30:00,".encode()
    asked = {"unit_id": unit, "timezone": "Europe/Berlin"}
    answer = gateway.post(PATH, params=asked, content=body, headers={"Content-Type": "text/csv"})
    assert [(error["row"], error["code"]) for error in answer.json()["errors"]] == [(3, "time-unclear")]
    (item,) = stored(gateway, unit, since="2026-07-01T00:00:00Z", until="2026-07-02T00:00:00Z")
    assert item["at"] == "2026-07-01T06:00:00Z"
    assert send(gateway, body, "text/csv").status_code == 422
    wrong = gateway.post(PATH, params={"timezone": "../x"}, content=body, headers={"Content-Type": "text/csv"})
    assert wrong.status_code == 422


def test_a_request_that_is_repeated_under_its_key_is_done_once(gateway, unit):
    body, key = json.dumps(rows(unit)).encode(), {"Idempotency-Key": uuid4().hex}
    first, second = (send(gateway, body, **key) for _ in range(2))
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"
    assert send(gateway, body[:-1] + b" ]", **key).status_code == 422


def test_a_list_of_readings_is_given_in_pages_by_point_and_time(gateway, unit):
    send(gateway, compact(unit, 10))
    first = gateway.get(f"/api/v1/units/{unit}/readings", params={"limit": 7, "point": [ZONE, RAT], "until": at(-1)})
    second = gateway.get(first.links["next"]["url"])
    third = gateway.get(second.links["next"]["url"])
    pages = [answer.json()["items"] for answer in (first, second, third)]
    assert [len(page) for page in pages] == [7, 7, 6]
    assert "next" not in third.links
    assert len({(item["at"], item["point"]) for page in pages for item in page}) == 20
    assert {item["point"] for item in stored(gateway, unit, point=RAT)} == {RAT}
    assert gateway.get(f"/api/v1/units/{unit}/readings", params={"after": "x"}).status_code == 422
    assert gateway.get(f"/api/v1/units/{unit}/readings", params={"since": at(0), "until": at(1)}).status_code == 422
    assert gateway.get("/api/v1/units/nobody/readings").status_code == 404


def test_quality_says_what_is_known_what_was_quarantined_and_who_is_silent(gateway, unit):
    values = [21.0, 21.1, 99.0, 35.0, 21.2]
    body = {"unit_id": unit, "times": [at(m) for m in (5, 4, 3, 2, 1)], "points": {ZONE: values}}
    assert send(gateway, body).json()["quarantined"] == 2
    asked = {"since": at(60), "until": at(0)}
    judged = gateway.get(f"/api/v1/units/{unit}/quality", params=asked).json()
    points = {point["point"]: point for point in judged["points"]}
    zone = points[ZONE]
    assert (zone["readings"], zone["quarantined"], zone["stale"]) == (5, 2, False)
    assert [(defect["kind"], defect["count"]) for defect in zone["defects"]] == [("range", 1), ("spike", 1)]
    assert 0.25 <= zone["score"] <= 0.5
    assert [defect["kind"] for defect in points[RAT]["defects"]] == ["silent"]
    assert [item["quality"] for item in stored(gateway, unit)] == ["good", "good", "range", "spike", "good"]


def test_dead_letters_are_listed_and_taken_once_the_unit_is_declared(gateway, plant):
    name = uuid4().hex
    assert send(gateway, [event(row) for row in rows(name, 30)]).status_code == 422
    assert send(gateway, rows(name, 1)).status_code == 422
    listed = gateway.get(LETTERS, params={"unit_id": name, "limit": 50})
    assert len(listed.json()["items"]) == 50
    rest = gateway.get(listed.links["next"]["url"]).json()["items"]
    letter = listed.json()["items"][0]
    assert len(rest) == 12
    assert (letter["reason"], letter["door"], letter["given"]["unit_id"]) == ("unit-unknown", "http", name)
    assert gateway.post(f"{LETTERS}/replay", json={"unit_id": name}).json()["refused"] == 62
    declare(plant, name)
    replayed = gateway.post(f"{LETTERS}/replay", json={"unit_id": name}).json()
    assert (replayed["accepted"], replayed["duplicates"], replayed["refused"]) == (60, 2, 0)
    assert gateway.get(LETTERS, params={"unit_id": name}).json()["items"] == []
    taken = gateway.get(LETTERS, params={"unit_id": name, "state": "taken"}).json()["items"]
    assert {letter["attempts"] for letter in taken} == {3}
    assert gateway.get(LETTERS, params={"after": str(uuid4())}).status_code == 404


def test_what_came_too_late_is_stored_when_an_engineer_replays_it(gateway, unit):
    old = rows(unit, 1)[0] | {"at": at(80 * 60)}
    send(gateway, rows(unit))
    assert send(gateway, [old]).json()["errors"][0]["code"] == "too-late"
    assert gateway.post(f"{LETTERS}/replay", json={"reason": "too-late", "unit_id": unit}).json()["accepted"] == 1
    asked = {"since": at(81 * 60), "until": at(79 * 60)}
    assert len(stored(gateway, unit, **asked)) == 1
