"""A client written from the document alone: every example body as it stands there, its fields and its status words."""

import json
import sys
import threading
import time
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

sys.path.insert(0, str(Path(__file__).parent))
from books import HEADER, XLSX, book, read, rows
from works import NO_BROKER, claimed, program

from gateway import forecasting, store, tasks
from gateway.settings import Settings
from gateway.tables import Forecast, Task

STATUSES = ("PENDING", "RUNNING", "COMPLETED", "FAILED")
JSON = {"Content-Type": "application/json"}

REGISTER = b'{"username": "test", "password": "123456", "email": "test@example.com"}'
LOGIN = b'{"username": "test", "password": "123456"}'
SUBMIT = b'{"year": 2024, "month": 5, "modelType": "RandomForestRegressor"}'
PREDICT = b'{"new_data_path": "/uploads/power_data.csv", "model_type": "RandomForestRegressor"}'
RANGE = "page=1&per_page=10&start_date=2023-01-01&end_date=2023-12-31"


@pytest.fixture(scope="module")
def settings(upstream, tmp_path_factory):
    return Settings(data=tmp_path_factory.mktemp("document"), inference_url=upstream.url, **NO_BROKER)


@pytest.fixture(scope="module")
def gateway(run_gateway, settings):
    with run_gateway(settings) as client:
        yield client


@pytest.fixture(scope="module")
def worker(settings, gateway):
    """Works on whatever is due, with a program in the place of the fit, and notes the statuses that it leaves."""
    database, closing = store.connect(settings.database), threading.Event()
    command = program("time.sleep(0.2)")

    def work() -> None:
        while not closing.wait(0.05):
            with store.transaction(database) as session:
                waiting = session.scalars(select(Task.id).where(Task.status == "PENDING")).all()
            for number in waiting:
                run = claimed(database, settings, number)
                tasks.complete(database, run.lease, *forecasting.work(run, command))

    thread = threading.Thread(target=work)
    thread.start()
    yield database
    closing.set()
    thread.join()
    database.dispose()


@pytest.fixture(scope="module")
def bearer(gateway):
    """Registers and logs in, as the document does; gives the header of its other requests."""
    made = gateway.post("/api/auth/register", content=REGISTER, headers=JSON)
    assert (made.status_code, made.json().keys()) == (201, {"userId", "username"})
    logged_in = gateway.post("/api/auth/login", content=LOGIN, headers=JSON)
    assert (logged_in.status_code, logged_in.json()["expiresIn"]) == (200, 7200)
    return {"Authorization": f"Bearer {logged_in.json()['token']}"}


@pytest.fixture(scope="module")
def client(gateway, bearer, worker):
    """Somebody who has imported the days of 2023 and of 2024 until the end of April."""
    file = {"file": ("power_data.xlsx", book(rows(486, date(2023, 1, 1))), XLSX)}
    taken = gateway.post("/api/data/import", files=file, headers=bearer)
    assert taken.status_code == 200
    assert taken.json().items() >= {"imported": 486, "duplicates": 0, "errors": []}.items()
    return gateway


@pytest.fixture
def finished(client, bearer, inference):
    """Submits and polls as the document does; gives the last answer and the statuses on the way."""
    said = client.post("/api/forecast/submit", content=SUBMIT, headers=JSON | bearer)
    assert (said.status_code, said.json()["status"]) == (202, "PENDING")
    met, end = [], time.monotonic() + 30
    while time.monotonic() < end:
        answer = client.get(f"/api/forecast/result/{said.json()['taskId']}", headers=bearer)
        assert answer.status_code == 200
        met.append(answer.json()["status"])
        if met[-1] in ("COMPLETED", "FAILED"):
            return answer.json(), met
        time.sleep(0.02)
    raise AssertionError(met)


def test_a_submit_is_polled_until_it_is_completed_and_has_the_ten_days(finished):
    answer, met = finished
    assert met[-1] == "COMPLETED"
    assert [status for status in STATUSES if status in met] == sorted(set(met), key=STATUSES.index)
    assert met == sorted(met, key=STATUSES.index)
    assert answer.keys() >= {"taskId", "status", "progress", "result", "month", "error"}
    assert len(answer["result"]) == 10
    assert all(day["date"].startswith("2024-05-") and day["load"] > 0 for day in answer["result"])
    assert len({day["date"] for day in answer["result"]}) == 10
    assert answer["month"]["model"]["model_type"] == "RandomForestRegressor"
    assert [len(answer["month"]["days"]), answer["error"]] == [31, None]


def test_the_model_of_a_submit_was_fitted_on_the_callers_days_and_can_be_looked_at(client, bearer, finished):
    model = finished[0]["month"]["model"]
    assert not model["cold_start"]
    shown = client.get(f"/api/v1/models/{model['version']}", headers=bearer).json()
    assert (shown["first"], shown["last"], shown["kept"]) == ("2023-01-01", "2024-04-30", True)


def test_the_data_page_lists_and_exports_a_range(client, bearer):
    listed = client.get(f"/api/data/fetchData?{RANGE}", headers=bearer).json()
    assert listed.items() >= {"page": 1, "per_page": 10, "total": 365}.items()
    assert listed["items"][0].keys() == set(HEADER)
    exported = client.get(f"/api/data/export?{RANGE}", headers=bearer)
    assert exported.headers["content-type"] == XLSX
    assert [row[0].date().isoformat() for row in read(exported.content)[1:]] == [
        f"2023-01-{n:02}" for n in range(1, 11)
    ]


def test_the_results_page_lists_and_exports_what_was_forecast(client, bearer, finished):
    asked = "page=1&per_page=10&start_date=2024-05-01&end_date=2024-05-31"
    listed = client.get(f"/api/data/forecast/fetch?{asked}", headers=bearer).json()
    assert listed.keys() == {"items", "page", "per_page", "total"}
    found = next(item for item in listed["items"] if item["taskId"] == finished[0]["taskId"])
    assert found["result"] == finished[0]["result"]
    exported = client.get(f"/api/data/forecast/export?{asked}", headers=bearer)
    assert exported.headers["content-type"] == XLSX
    assert len(read(exported.content)) > 31
    assert client.get("/api/data/forecast/fetch?start_date=2030-01-01", headers=bearer).json()["total"] == 0


@pytest.mark.parametrize("route", ["/api/predict", "/api/predict/"])
def test_a_prediction_comes_at_once_and_is_stored_in_the_database_and_as_csv(
    client, bearer, settings, inference, route
):
    answer = client.post(route, content=PREDICT, headers=JSON | bearer)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["model"]["model_type"] == "RandomForestRegressor"
    assert [said["days"][0]["date"], len(said["top10"])] == ["2024-05-01", 10]
    assert (settings.data / said["stored_csv"]).read_text().startswith("date,mean,")
    assert said["stored_csv"] in client.get("/api/data/forecast/fetch", headers=bearer).text


def test_a_result_is_kept_with_the_task_that_made_it_and_what_it_was_made_of(finished, worker, settings):
    """From the forecast back to the file of days, whose name is its hash."""
    with store.transaction(worker) as session:
        task = session.scalar(select(Task).where(Task.status == "COMPLETED").limit(1))
        kept = session.scalar(select(Forecast).where(Forecast.task_id == task.id))
    lines = (settings.snapshots / f"{kept.history_hash}.csv").read_text().splitlines()
    assert (lines[1][:10], lines[-1][:10], len(lines)) == ("2023-01-01", "2024-04-30", 487)
    assert task.result.items() >= {"forecast": str(kept.id), "model_version": kept.model_version}.items()
    assert json.loads(json.dumps(kept.answer))["origin"] == "2024-04-30"


def test_without_a_right_nothing_of_it_is_answered(run_gateway, upstream, tmp_path):
    closed = Settings(data=tmp_path, inference_url=upstream.url, anonymous=False)
    routes = [("POST", "/api/forecast/submit"), ("GET", "/api/forecast/result/1"), ("POST", "/api/predict/")]
    routes += [("GET", f"/api/data/{name}") for name in ("fetchData", "export", "forecast/fetch", "forecast/export")]
    with run_gateway(closed, key=False) as client:
        for method, route in routes:
            assert client.request(method, route).status_code == 401
        stolen = {"Authorization": "Bearer " + "eyJhbGciOiJub25lIn0.e30."}
        assert client.post("/api/forecast/submit", content=SUBMIT, headers=JSON | stolen).status_code == 401
