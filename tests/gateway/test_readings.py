"""Measurements are listed page by page, exported, imported again, and deleted only when that is meant."""

import io
import sys
from datetime import date
from pathlib import Path

import pytest
import python_calamine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

sys.path.insert(0, str(Path(__file__).parent))
from books import HEADER, XLSX, book, read, rows

FETCH, EXPORT = "/api/data/fetchData", "/api/data/export"


@pytest.fixture
def owner(caller):
    """Somebody with the first hundred days of 2024."""
    brought(caller, book(rows(100)))
    return caller


def brought(client, content):
    answer = client.post("/api/data/import", files={"file": ("x.xlsx", content, XLSX)})
    assert answer.status_code == 200, answer.text
    return answer.json()["imported"]


def fetched(client, **asked):
    answer = client.get(FETCH, params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_both_ends_of_a_range_belong_to_it(owner):
    page = fetched(owner, start_date="2024-01-31", end_date="2024-02-02")
    assert [item["date"] for item in page["items"]] == ["2024-01-31", "2024-02-01", "2024-02-02"]
    assert page.items() >= {"page": 1, "per_page": 50, "total": 3}.items()
    assert fetched(owner, start_date="2024-04-01")["total"] == 9
    assert fetched(owner, end_date="2023-12-31") == {"items": [], "page": 1, "per_page": 50, "total": 0}
    assert owner.get("/api/v1/readings", params={"per_page": 3}).json() == fetched(owner, per_page=3)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some.integers(1, 120))
def test_the_pages_hold_every_day_once_and_in_order(owner, per_page):
    pages = [fetched(owner, page=n, per_page=per_page) for n in range(1, 100 // per_page + 3)]
    days = [item["date"] for page in pages for item in page["items"]]
    assert days == [str(row[0].date()) for row in rows(100)]
    assert {page["total"] for page in pages} == {100}


@pytest.mark.parametrize(
    "asked",
    [{"per_page": 501}, {"per_page": 0}, {"page": 0}, {"page": 10**30}, {"start_date": "01/02/2024"}, {"page": "x"},
     {"start_date": "2024-02-01", "end_date": "2024-01-01"}, {"start": "2024-01-01"}, {"end_date": "2024-02-30"}],
)  # fmt: skip
@pytest.mark.parametrize("route", [FETCH, EXPORT])
def test_a_range_or_page_that_cannot_be_is_refused(caller, route, asked):
    answer = caller.get(route, params=asked)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def test_what_is_exported_is_what_was_imported_and_can_be_imported_again(owner, somebody):
    answer = owner.get(EXPORT)
    assert (answer.status_code, answer.headers["content-type"]) == (200, XLSX)
    assert "attachment" in answer.headers["content-disposition"]
    assert read(answer.content) == [list(HEADER), *rows(100)]
    sheet = python_calamine.load_workbook(io.BytesIO(answer.content)).get_sheet_by_index(0).to_python()
    assert sheet[1] == [date(2024, 1, 1), 10.5, 60.0, 0.0, 900.25]
    other = somebody()
    assert brought(other, answer.content) == 100
    assert fetched(other, per_page=500) == fetched(owner, per_page=500)


def test_a_range_or_a_page_can_be_exported_alone(owner):
    page = {"page": 2, "per_page": 10, "start_date": "2024-01-01", "end_date": "2024-01-15"}
    exported = read(owner.get(EXPORT, params=page).content)
    assert [row[0].day for row in exported[1:]] == [11, 12, 13, 14, 15]
    assert read(owner.get("/api/v1/readings/export", params={"end_date": "1999-01-01"}).content) == [list(HEADER)]


@pytest.mark.parametrize("route", ["/api/data", "/api/v1/readings"])
def test_a_range_is_deleted_only_when_that_is_meant(owner, route):
    whole = {"start_date": "2024-01-02", "end_date": "2024-01-11"}
    refused = owner.delete(route, params=whole)
    assert refused.status_code == 422
    assert "10 days" in refused.json()["detail"]
    assert fetched(owner)["total"] == 100
    assert owner.delete(route, params=whole | {"confirm": "true"}).json() == {"deleted": 10}
    assert fetched(owner)["total"] == 90
    assert owner.delete(route, params={"confirm": "true"}).status_code == 422
    assert fetched(owner, per_page=2)["items"][1]["date"] == "2024-01-12"
