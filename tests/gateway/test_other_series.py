"""Gas and water beside power, by the example file alone: each has its own columns, and none sees another's days."""

import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from books import XLSX, book, read, rows
from people import known
from processes import ROOT

from gateway.settings import Settings

EXAMPLE = ROOT / "docs" / "examples" / "series.toml"
HEADER = ("date", "outdoor temperature", "consumption")
WHOLE = {"start_date": "1900-01-01", "end_date": "2200-12-31", "confirm": "true"}


def gas(days=20, first=date(2024, 1, 1)):
    """A row a day, as the gas workbook has it."""
    return [
        [datetime.combine(first + timedelta(n), datetime.min.time()), -30.5 + n % 5, 4000.25 + n] for n in range(days)
    ]


@pytest.fixture(scope="module")
def plant(run_gateway, upstream, tmp_path_factory):
    """A gateway that was started with the example."""
    data = tmp_path_factory.mktemp("plant")
    with run_gateway(Settings(data=data, inference_url=upstream.url, series_file=EXAMPLE)) as client:
        yield client


@pytest.fixture
def owner(plant):
    """Somebody with twenty days of power and other twenty of gas."""
    with new_owner(plant) as client:
        brought(client, book())
        brought(client, book(gas(), header=HEADER), series="gas")
        yield client


def new_owner(plant):
    headers = known(plant, f"o{uuid4().hex[:12]}")
    return httpx.Client(base_url=plant.base_url, headers=headers, trust_env=False, timeout=60)


def send(client, content, route="/api/v1/readings/import", form=None, **options):
    return client.post(route, files={"file": ("x.xlsx", content, XLSX)}, data=form, params=options)


def brought(client, content, **options):
    answer = send(client, content, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def fetched(client, series=None, **asked):
    answer = client.get("/api/v1/readings", params={"per_page": 500} | asked | ({"series": series} if series else {}))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_what_there_is_is_listed_with_units_columns_and_limits(plant):
    listed = plant.get("/api/v1/series").json()["items"]
    assert [(series["name"], series["unit"]) for series in listed] == [("power", "MW"), ("gas", "m3"), ("water", "m3")]
    assert [column["name"] for column in listed[0]["columns"]] == ["temperature", "humidity", "rainfall", "load"]
    assert listed[1]["columns"] == [
        {"name": "outdoor temperature", "means": "temperature", "called": ["outdoor temperature", "temp", "室外温度"],
         "low": -60, "high": 60, "needed": False},
        {"name": "consumption", "means": "load", "called": ["consumption", "gas", "gas consumption", "用气量"],
         "low": 0, "high": 1e9, "needed": True},
    ]  # fmt: skip


def test_a_gateway_that_declares_none_has_power_alone(gateway):
    assert [series["name"] for series in gateway.get("/api/v1/series").json()["items"]] == ["power"]


@pytest.mark.parametrize(
    "header", [HEADER, ("日期", "室外温度（℃）", "用气量 (m³)"), ("Day", "TEMP", "Gas_Consumption")]
)
@pytest.mark.parametrize("route", ["/api/data", "/api/v1/readings"])
def test_a_workbook_of_another_series_is_read_by_its_own_columns_and_listed_under_their_names(plant, route, header):
    with new_owner(plant) as client:
        said = brought(client, book(gas(), header=header), route=f"{route}/import", series="gas")
        assert (said["imported"], said["ignored"]) == (20, [])
        listed = fetched(client, "gas", per_page=2)
        assert listed["total"] == 20
        assert listed["items"][1] == {"date": "2024-01-02", "outdoor temperature": -29.5, "consumption": 4001.25}
        assert client.get(f"/api/v1/imports/{said['importId']}").json()["series"] == "gas"


def test_the_form_may_name_the_series_and_where_query_and_form_differ_neither_is_taken(plant):
    content = book(gas(), header=HEADER)
    with new_owner(plant) as client:
        assert brought(client, content, form={"series": "gas"})["imported"] == 20
        assert brought(client, content, form={"series": "gas"}, series="gas")["duplicates"] == 20
        refused = send(client, content, form={"series": "gas"}, series="power")
        assert (refused.status_code, refused.json()["type"]) == (422, "urn:forewatt:problem:series-twice")
        assert fetched(client)["total"] == 0


def test_errors_name_the_series_own_columns_and_its_own_limits(plant):
    wrong = [*gas(3), ["2024-02-01", -61, 5], ["2024-02-02", None, None], ["2024-02-03", 5, 2e9]]
    with new_owner(plant) as client:
        problem = send(client, book(wrong, header=HEADER), series="gas").json()
        assert [(error["column"], error["cell"], error["message"]) for error in problem["errors"]] == [
            ("outdoor temperature", "B5", "The outdoor temperature must lie from -60 to 60."),
            ("consumption", "C6", "The consumption is missing."),
            ("consumption", "C7", "The consumption must lie from 0 to 1e+09."),
        ]
        other = send(client, book(), series="gas").json()
        assert other["errors"][0]["message"] == "No column is named consumption."
        assert "date, outdoor temperature, consumption" in other["errors"][0]["remedy"]
        assert send(client, book(gas(), header=HEADER)).json()["errors"][0]["column"] == "load"
        assert (fetched(client, "gas")["total"], fetched(client)["total"]) == (0, 0)


def test_two_series_of_one_owner_never_mix_though_their_days_are_the_same(owner):
    assert fetched(owner)["items"][0] == {
        "date": "2024-01-01", "temperature": 10.5, "humidity": 60, "rainfall": 0, "load": 900.25,
    }  # fmt: skip
    assert fetched(owner, "power") == fetched(owner)
    assert fetched(owner, "gas")["items"][0]["consumption"] == 4000.25
    assert fetched(owner, "water") == {"items": [], "page": 1, "per_page": 500, "total": 0}
    replaced = [["2024-01-01", 1, 1]]
    said = brought(owner, book(replaced, header=HEADER), series="gas", on_duplicate="replace")
    assert (said["imported"], said["duplicates"], said["duplicateRows"][0]["already"]) == (1, 1, "stored")
    assert (fetched(owner)["items"][0]["load"], fetched(owner, "gas")["items"][0]["consumption"]) == (900.25, 1)
    begun = {"series": "gas", "end_date": "2024-01-02"}
    assert owner.delete("/api/v1/readings", params=WHOLE | begun).json() == {"deleted": 2}
    assert owner.delete("/api/data", params=WHOLE).json() == {"deleted": 20}
    assert (fetched(owner)["total"], fetched(owner, "gas")["total"]) == (0, 18)


def test_the_same_series_of_two_owners_never_mix(plant, owner):
    with new_owner(plant) as other:
        assert fetched(other, "gas")["total"] == 0
        assert brought(other, book(gas(5), header=HEADER), series="gas")["duplicates"] == 0
        assert other.delete("/api/data", params=WHOLE | {"series": "gas"}).json() == {"deleted": 5}
    assert fetched(owner, "gas")["total"] == 20


@pytest.mark.parametrize("route", ["/api/data/export", "/api/v1/readings/export"])
def test_what_is_exported_has_the_series_columns_and_can_be_imported_again(plant, owner, route):
    answer = owner.get(route, params={"series": "gas"})
    assert 'filename="gas_data.xlsx"' in answer.headers["content-disposition"]
    assert read(answer.content) == [list(HEADER), *gas()]
    with new_owner(plant) as other:
        assert brought(other, answer.content, series="gas")["imported"] == 20
        assert fetched(other, "gas") == fetched(owner, "gas")


def test_quality_looks_at_one_series_and_speaks_of_its_columns(plant):
    days = [row for row in gas(60) if row[0].day != 15]
    for row in days[20:23]:
        row[2] = 4444.5
    for row in days:
        row[1] = 7.5
    with new_owner(plant) as client:
        for _ in range(2):
            brought(client, book(days, header=HEADER), series="gas")
        seen = client.get("/api/v1/readings/quality", params={"series": "gas"}).json()
        assert (seen["days"], seen["first"]) == (58, "2024-01-01")
        assert [(each["kind"], each["column"], each["count"]) for each in seen["findings"]] == [
            ("duplicate", None, 58), ("gap", None, 1), ("gap", None, 1), ("flat-line", "outdoor temperature", 14),
            ("flat-line", "outdoor temperature", 30), ("flat-line", "outdoor temperature", 14),
            ("flat-line", "consumption", 3),
        ]  # fmt: skip
        assert seen["findings"][-1]["message"] == "The consumption is 4444.5 on 3 days in a row."
        for empty in ({}, {"series": "water"}):
            assert client.get("/api/data/quality", params=empty).json()["findings"] == []


def test_months_without_rain_are_no_flat_line_whatever_the_rain_is_called(plant):
    days = [[day, 20.5 + n % 3, 0.25, 900.5 + n] for n, (day, *_) in enumerate(rows(60))]
    with new_owner(plant) as client:
        brought(client, book(days, header=("date", "temperature", "rain", "demand")), series="water")
        assert client.get("/api/data/quality", params={"series": "water"}).json()["findings"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/data/fetchData"), ("GET", "/api/v1/readings/export"), ("GET", "/api/data/quality"),
     ("DELETE", "/api/data"), ("POST", "/api/data/import")],
)  # fmt: skip
def test_a_series_that_nobody_declared_is_refused_with_those_that_there_are(plant, method, path):
    more = {"params": WHOLE, "files": None} if method == "DELETE" else {"params": {}}
    if method == "POST":
        more["files"] = {"file": ("x.xlsx", book(), XLSX)}
    more["params"] = {**more["params"], "series": "steam"}
    answer = plant.request(method, path, **more)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:forewatt:problem:series-unknown")
    assert "power, gas, water" in answer.json()["detail"]


def test_the_sample_is_powers_and_goes_nowhere_else(plant):
    with new_owner(plant) as client:
        assert client.post("/api/data/sample", params={"series": "gas"}).status_code == 422
        assert client.post("/api/data/sample").json()["imported"] > 1000
        assert fetched(client, "gas")["total"] == 0


def test_a_series_that_is_no_longer_declared_keeps_its_days_until_it_is_again(run_gateway, upstream, tmp_path):
    settings = {"data": tmp_path, "inference_url": upstream.url}
    with run_gateway(Settings(**settings, series_file=EXAMPLE)) as client:
        brought(client, book(gas(), header=HEADER), series="gas")
    with run_gateway(Settings(**settings)) as client:
        assert client.get("/api/v1/readings", params={"series": "gas"}).status_code == 422
        assert fetched(client)["total"] == 0
    with run_gateway(Settings(**settings, series_file=EXAMPLE)) as client:
        assert fetched(client, "gas")["total"] == 20
