"""The forecasts kept for a caller: listed page by page, exported, and his alone, whether a task or a file made them."""

import io
import json
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import python_calamine
from hypothesis import HealthCheck, given
from hypothesis import settings as tuned
from hypothesis import strategies as some

sys.path.insert(0, str(Path(__file__).parent))
from books import XLSX, read
from conftest import answer_to, past
from test_bad_input import check
from works import store_days

from bentos.load.schema import Question
from gateway import archive, forecasts, store

FETCH, EXPORT, LIST = "/api/data/forecast/fetch", "/api/data/forecast/export", "/api/v1/forecasts"


@pytest.fixture(scope="module")
def database(shared_settings, shared):
    engine = store.connect(shared_settings.database)
    yield engine
    engine.dispose()


@pytest.fixture
def keep(database):
    """Keeps forecasts of a client for these months of 2014, some at the very same moment."""

    def kept(client, months=range(1, 13), **asked):
        rows = []
        for n, month in enumerate(months):
            question = Question.model_validate({"series": past(last=date(2014, month, 1) - timedelta(1)), **asked})
            row = forecasts.row(question, answer_to(question), client.headers["x-owner"])
            row.created_at = datetime(2026, 11, 22, 8, tzinfo=UTC) + timedelta(seconds=n // 2)
            rows.append(row)
        with store.transaction(database) as session:
            session.add_all(rows)

    return kept


@pytest.fixture
def ada(caller, keep):
    """Somebody with a forecast for each month of 2014."""
    keep(caller)
    return caller


def fetched(client, **asked):
    answer = client.get(FETCH, params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def walked(client, **asked):
    """All that the links lead to."""
    found, answer = [], client.get(LIST, params=asked)
    while True:
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if "next" not in answer.links:
            return found
        answer = client.get(answer.links["next"]["url"])


def test_a_forecast_is_listed_with_its_ten_days_and_what_it_is_made_of(ada):
    page = fetched(ada, per_page=1)
    assert (page["page"], page["per_page"], page["total"], len(page["items"])) == (1, 1, 12, 1)
    item = page["items"][0]
    assert len(item["result"]) == 10
    assert item["result"][0].keys() == {"date", "load"}
    assert item.items() >= {
        "year": 2014, "modelType": "Ensemble", "model_name": "load", "model_version": "1", "unit": "MW", "taskId": None,
        "weather": "climatology", "created_at": "2026-11-22T08:00:05Z",
    }.items()  # fmt: skip


def test_a_month_is_in_a_range_when_one_of_its_days_is(ada):
    def months(**asked):
        return sorted(item["month"] for item in fetched(ada, **asked)["items"])

    assert months(start_date="2014-03-31", end_date="2014-05-01") == [3, 4, 5]
    assert months(start_date="2014-11-30") == [11, 12]
    assert months(end_date="2013-12-31") == []
    assert sorted(item["month"] for item in walked(ada, start_date="2014-03-31", end_date="2014-05-01")) == [3, 4, 5]


@tuned(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some.integers(1, 14))
def test_pages_and_links_hold_every_forecast_once_and_the_newest_first(ada, size):
    pages = [fetched(ada, page=n, per_page=size)["items"] for n in range(1, 12 // size + 3)]
    ids = [item["id"] for page in pages for item in page]
    assert len(ids) == len(set(ids)) == 12
    assert ids == [item["id"] for item in walked(ada, limit=size)]
    moments = [item["created_at"] for page in pages for item in page]
    assert moments == sorted(moments, reverse=True)


@pytest.mark.parametrize(
    "asked",
    [{"per_page": 501}, {"page": 0}, {"start_date": "01/02/2024"}, {"start": "2024-01-01"},
     {"start_date": "2024-02-01", "end_date": "2024-01-01"}],
)  # fmt: skip
@pytest.mark.parametrize("route", [FETCH, EXPORT, "/api/v1/forecasts/export"])
def test_a_range_or_page_that_cannot_be_is_refused(caller, route, asked):
    check(caller.get(route, params=asked), 422)


@pytest.mark.parametrize(("asked", "status"), [({"limit": 0}, 422), ({"after": "x"}, 422), ({"after": uuid4()}, 404)])
def test_a_list_that_cannot_begin_there_is_refused(caller, asked, status):
    check(caller.get(LIST, params=asked), status)


def test_one_forecast_is_whole_and_another_ones_is_none(ada, somebody, keep):
    item = fetched(ada)["items"][0]
    whole = ada.get(f"{LIST}/{item['id']}").json()
    assert {name: whole[name] for name in item} == item
    assert len(whole["answer"]["days"]) in (30, 31)
    other = somebody()
    check(other.get(f"{LIST}/{item['id']}"), 404)
    check(other.get(LIST, params={"after": item["id"]}), 404)
    check(ada.get(f"{LIST}/{uuid4()}"), 404)
    check(ada.get(f"{LIST}/nothing"), 404)
    assert fetched(other)["total"] == 0
    keep(other, [7])
    assert (fetched(other)["total"], fetched(ada)["total"]) == (1, 12)


@pytest.mark.parametrize("route", [EXPORT, "/api/v1/forecasts/export"])
def test_an_export_has_a_row_for_each_day_and_opens_elsewhere(ada, route):
    answer = ada.get(route, params={"start_date": "2014-06-01", "end_date": "2014-06-30"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, XLSX)
    assert "forecasts.xlsx" in answer.headers["content-disposition"]
    header, *days = read(answer.content)
    assert tuple(header) == archive.COLUMNS
    assert [row[0].date() for row in days] == [date(2014, 6, n) for n in range(1, 31)]
    assert [row[5] for row in days[:11]] == [*range(1, 11), None]
    assert python_calamine.load_workbook(io.BytesIO(answer.content)).sheet_names == ["forecasts"]


def test_an_export_is_all_or_a_page(ada):
    assert len(read(ada.get(EXPORT).content)) == 1 + 365
    page = read(ada.get(EXPORT, params={"page": 2, "per_page": 4}).content)
    assert {row[0].month for row in page[1:]} == {5, 6, 7, 8}


def test_an_export_too_large_says_how_to_take_a_part(ada, monkeypatch):
    monkeypatch.setattr(archive, "MOST_EXPORTED", 11)
    assert "start_date" in check(ada.get(EXPORT), 422)["detail"]


def test_no_text_becomes_a_formula_and_no_export_becomes_measurements(caller, keep):
    keep(caller, [6], unit="=1+1")
    content = caller.get(EXPORT).content
    assert read(content)[1][6] == "=1+1"
    assert python_calamine.load_workbook(io.BytesIO(content)).get_sheet_by_index(0).to_python()[1][6] == "=1+1"
    answer = caller.post("/api/data/import", files={"file": ("forecasts.xlsx", content, XLSX)})
    assert answer.status_code == 422
    assert "load" in json.dumps(answer.json()["errors"])


def test_what_was_predicted_from_a_file_is_listed_too(caller, database, inference):
    store_days(database, caller.headers["x-owner"], date(2024, 1, 1), 91)
    said = caller.post("/api/predict", json={"new_data_path": "/uploads/power_data.csv"}).json()
    (item,) = fetched(caller)["items"]
    assert (item["stored_csv"], item["year"], item["month"]) == (said["stored_csv"], 2024, 4)
    assert item["modelType"] == "RandomForestRegressor"
