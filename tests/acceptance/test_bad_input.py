"""Bad input through both real processes: refused at each door with what to do about it, and nobody is the worse."""

import json

import pytest

JSON = {"Content-Type": "application/json"}


def changed(**fields: object):
    """The question with other fields."""
    return lambda question: json.dumps(question | fields).encode()


def with_row(**fields: object):
    """The question with another last row."""
    return lambda question: json.dumps({"series": [*question["series"][:-1], question["series"][-1] | fields]}).encode()


BAD = {
    "an empty body": lambda _: b"",
    "a list": lambda _: b"[]",
    "text cut off": lambda question: json.dumps(question).encode()[:500],
    "a depth without end": lambda _: b"[" * 100_000,
    "bytes that are no UTF-8": lambda _: b'{"unit": "\xff"}',
    "NaN": with_row(load=float("nan")),
    "a number of five thousand digits": lambda question: json.dumps(question).replace("20", "9" * 5000, 1).encode(),
    "no series": lambda _: b"{}",
    "a field that nobody knows": changed(modle_type="Ridge"),
    "a model that nobody knows": changed(model_type="Oracle"),
    "month 13": changed(year=2024, month=13),
    "a month that is over": changed(year=2024, month=4),
    "a month out of reach": changed(year=2024, month=8),
    "a time zone that leads into a folder": changed(timezone="../../etc/passwd"),
    "a country that is none": changed(country="XX"),
    "a subdivision that is none": changed(country="AU", subdivision="ZZZ"),
    "weather that is missing": changed(weather="forecast"),
    "a negative load": with_row(load=-1),
    "a load as text": with_row(load="912.4"),
    "a day as a number": with_row(date=1714435200),
    "a day twice": with_row(date="2024-04-01"),
    "a year that does not exist": with_row(date="9999-12-31"),
    "a gap of a century": with_row(date="2124-04-30"),
    "more rows than any history has": lambda question: json.dumps({"series": question["series"] * 150}).encode(),
}


@pytest.mark.parametrize("what", BAD)
def test_both_doors_refuse(client, house, past, what):
    body = BAD[what]({"series": past(70)})
    said = client.post("/api/v1/forecasts", content=body, headers=JSON)
    assert said.status_code in (400, 422), said.text
    assert said.headers["content-type"] == "application/problem+json"
    assert len(said.json()["detail"]) > 20
    assert "Traceback" not in said.text
    behind = client.post(f"{house.inference.url}/forecast", content=body, headers=JSON)
    assert behind.status_code in (400, 422), behind.text
    assert "Traceback" not in behind.text


@pytest.mark.parametrize("days", [30, 70])
@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ({"country": "XX"}, "Country XX not available"),
        ({"country": "AU", "subdivision": "ZZZ"}, "Entity `AU` does not have subdivision ZZZ"),
    ],
)
def test_what_only_the_model_can_refuse_comes_through_with_its_reason(client, past, place, reason, days):
    said = client.post("/api/v1/forecasts", json={"series": past(days), **place})
    assert (said.status_code, said.headers["content-type"]) == (422, "application/problem+json")
    assert said.json()["type"] == "urn:forewatt:problem:refused-by-model"
    assert said.json()["detail"].startswith(reason)
    assert "leave" in said.json()["detail"]


def test_a_file_outside_the_folder_and_one_that_is_no_table_are_refused(client, house):
    (house.data / "uploads" / "photo.csv").write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff")
    outside = [f"/uploads/../{name}" for name in ("forewatt.db", "../../etc/passwd")] + ["/etc/passwd", "/uploads/"]
    for path, status in [(path, 400) for path in outside] + [("/uploads/photo.csv", 422)]:
        said = client.post("/api/predict", json={"new_data_path": path})
        assert (said.status_code, said.headers["content-type"]) == (status, "application/problem+json"), path


def test_numbers_at_the_edge_of_what_is_allowed_still_have_an_answer(client, past):
    for load in (1e-300, 5.0, 1e12):
        said = client.post("/api/v1/forecasts", json={"series": [row | {"load": load} for row in past(100)]})
        assert said.status_code == 200, said.text
        assert all(0 < day["p5"] <= day["p95"] for day in said.json()["days"])


def test_after_all_that_the_next_question_is_answered(client, past):
    assert client.get("/readyz").status_code == 200
    assert client.post("/api/v1/forecasts", json={"series": past(30)}).status_code == 200
