"""A month is asked for and the task's id comes at once; how it stands is asked for again and again."""

import json
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from test_bad_input import check
from works import claimed, program, store_days

from gateway import forecasting, store, tasks

SUBMIT, RESULT, TASKS = "/api/forecast/submit", "/api/forecast/result", "/api/v1/forecasts/tasks"
MAY = {"year": 2024, "month": 5}


@pytest.fixture(scope="module")
def database(shared_settings, shared):
    engine = store.connect(shared_settings.database)
    yield engine
    engine.dispose()


def named(client: httpx.Client) -> str:
    return client.headers["x-owner"]


@pytest.fixture
def ada(caller, database, inference):
    """Somebody with days until the end of April."""
    store_days(database, named(caller), date(2024, 1, 1), 121)
    return caller


def submitted(client, asked=MAY, route=SUBMIT):
    answer = client.post(route, json=asked)
    assert answer.status_code == 202, answer.text
    return answer.json()["taskId"]


@pytest.fixture
def carry_out(database, shared_settings):
    """Does what a worker does with a task."""

    def done(number, command=None, **at):
        run = claimed(database, shared_settings, UUID(number), **at)
        result, keep = forecasting.work(run, command or program())
        tasks.complete(database, run.lease, result, keep)

    return done


@pytest.mark.parametrize(("route", "result"), [(SUBMIT, RESULT), (TASKS, TASKS)])
def test_the_id_comes_at_once_with_where_and_when_to_look(ada, database, route, result):
    answer = ada.post(route, json=MAY)
    assert answer.status_code == 202
    assert answer.json() == {"taskId": answer.json()["taskId"], "status": "PENDING"}
    assert answer.headers["location"] == f"{result}/{answer.json()['taskId']}"
    assert int(answer.headers["retry-after"]) > 0
    task = tasks.find(database, named(ada), UUID(answer.json()["taskId"]))
    assert (task.status, task.kind) == ("PENDING", "forecast")
    assert ada.get(answer.headers["location"]).json()["status"] == "PENDING"


def test_many_submits_at_once_have_ids_of_their_own_and_each_is_stored(ada, database):
    with ThreadPoolExecutor(16) as many:
        ids = list(many.map(lambda _: submitted(ada), range(200)))
    assert len(set(ids)) == 200
    assert {tasks.find(database, named(ada), UUID(number)).status for number in ids} == {"PENDING"}


@pytest.mark.parametrize(
    ("route", "asked", "meant"),
    [
        (SUBMIT, MAY, "RandomForestRegressor"),
        (SUBMIT, MAY | {"modelType": "GradientBoostingRegressor"}, "GradientBoostingRegressor"),
        (SUBMIT, MAY | {"model_type": "Ridge"}, "Ridge"),
        (TASKS, MAY, "Ensemble"),
        (TASKS, MAY | {"modelType": "Ridge"}, "Ridge"),
    ],
)
def test_the_model_is_named_in_either_spelling_or_is_the_documents(ada, database, route, asked, meant):
    task = tasks.find(database, named(ada), UUID(submitted(ada, asked, route)))
    assert task.asked == {**MAY, "series": "power", "model_type": meant, "unit": "MW", "timezone": "UTC"}


def test_without_a_month_the_next_one_is_meant(ada, database):
    assert tasks.find(database, named(ada), UUID(submitted(ada, {}))).asked.items() >= MAY.items()


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ({"year": 2024, "month": 5, "modelType": "Prophet"}, (400, "/modelType")),
        ({"year": 2024, "month": 5, "model_type": "Prophet"}, (400, "/model_type")),
        ({"year": 2024, "month": 13}, (422, "/month")),
        ({"year": "2024", "month": 5}, (422, "/year")),
        ({"year": 2024}, (422, "")),
        ({"year": 2024, "month": 9}, (422, "")),
        ({"year": 2023, "month": 12}, (422, None)),
        ({"year": 2024, "month": 5, "day": 3}, (422, "/day")),
        ({"year": 2024, "month": 5, "weather": "actual"}, (422, "/weather")),
        ({"year": 2024, "month": 5, "timezone": "Mars/Olympus"}, (422, "/timezone")),
        ({"year": 2024, "month": 5, "country": "au"}, (422, "/country")),
        ({"year": 2024, "month": 5, "subdivision": "VIC"}, (422, "")),
        ({"year": 2024, "month": 5, "country": "AU", "subdivision": "--publish"}, (422, "/subdivision")),
        ({"year": 2024, "month": 5, "country": "AU", "subdivision": "V\0C"}, (422, "/subdivision")),
        ({"year": 2024, "month": 5, "unit": ""}, (422, "/unit")),
    ],
)
@pytest.mark.parametrize("route", [SUBMIT, TASKS])
def test_what_cannot_be_asked_for_is_refused_at_once_and_is_no_task(ada, database, route, asked, refused):
    status, pointer = refused
    problem = check(ada.post(route, json=asked), status)
    assert pointer is None or problem["errors"][0]["pointer"] == pointer
    if status == 400:
        assert "RandomForestRegressor" in problem["detail"]
        assert "Ridge" in problem["detail"]
    with store.transaction(database) as session:
        assert session.query(tasks.Task).where(tasks.Task.owner == named(ada)).count() == 0


@pytest.mark.parametrize("route", [SUBMIT, TASKS])
@pytest.mark.parametrize(
    ("body", "kind"), [(b"{", "application/json"), (b"[]", "application/json"), (b"{}", "text/plain")]
)
def test_a_body_that_is_no_such_question_is_refused(ada, route, body, kind):
    check(ada.post(route, content=body, headers={"content-type": kind}), {b"{": 400, b"[]": 422, b"{}": 415}[body])


def test_who_has_no_days_is_told_how_to_bring_some(caller):
    assert "/api/data/import" in check(caller.post(SUBMIT, json=MAY), 422)["detail"]


def test_who_can_ask_at_once_is_queued_apart_from_who_has_to_fit_first(ada, somebody, database, carry_out):
    def queue(client, asked):
        return tasks.find(database, named(client), UUID(submitted(client, asked))).queue

    assert queue(ada, MAY) == "training"
    carry_out(submitted(ada))
    assert queue(ada, MAY) == "forecasts"
    assert queue(ada, {"year": 2024, "month": 6}) == "forecasts"
    assert queue(ada, MAY | {"country": "AU"}) == "training"
    assert queue(ada, {"year": 2024, "month": 4}) == "training"
    store_days(database, named(ada), date(2024, 5, 1), 3)
    assert queue(ada, MAY) == "training"
    young = somebody()
    store_days(database, named(young), date(2024, 4, 1), 30)
    assert queue(young, MAY) == "forecasts"


def test_a_result_is_the_ten_days_the_month_and_how_it_was_made(ada, carry_out):
    number = submitted(ada)
    waiting = ada.get(f"{RESULT}/{number}").json()
    assert waiting == {
        "taskId": number, "status": "PENDING", "progress": 0, "stage": None, "left_s": None,
        "result": None, "month": None, "error": None,
    }  # fmt: skip
    carry_out(number)
    ended = ada.get(f"{RESULT}/{number}")
    said = ended.json()
    assert (said["status"], said["progress"], said["error"]) == ("COMPLETED", 100, None)
    assert "retry-after" not in ended.headers
    assert [day.keys() for day in said["result"]] == [{"date", "load"}] * 10
    assert said["result"] == [{"date": peak["date"], "load": peak["value"]} for peak in said["month"]["top10"]]
    assert len(said["month"]["days"]) == 31
    assert said["month"]["model"]["name"].startswith("load-")
    assert ada.get(f"{TASKS}/{number}").json() == said


def test_while_it_runs_it_says_how_far_it_is_and_how_long_it_will_take(ada, database, shared_settings):
    number = submitted(ada)
    run = claimed(database, shared_settings, UUID(number))
    tasks.beat(database, run.lease, 40, "replaying", 8.0)
    answer = ada.get(f"{RESULT}/{number}")
    assert (answer.json()["status"], answer.json()["progress"], answer.json()["left_s"]) == ("RUNNING", 40, 8.0)
    assert 1 <= int(answer.headers["retry-after"]) <= 10


def test_a_failure_says_why_and_what_to_do(ada, database, shared_settings):
    number = submitted(ada)
    run = claimed(database, shared_settings, UUID(number))
    tasks.fail(database, run.lease, "refused-by-model", "Country XX not available. Leave it out.")
    said = ada.get(f"{RESULT}/{number}").json()
    error = {"code": "refused-by-model", "detail": "Country XX not available. Leave it out."}
    assert (said["status"], said["error"], said["result"]) == ("FAILED", error, None)


def test_who_knows_the_answer_already_gets_a_line(ada, carry_out):
    number = submitted(ada)
    first = ada.get(f"{RESULT}/{number}")
    again = ada.get(f"{RESULT}/{number}", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert int(again.headers["retry-after"]) > 0
    carry_out(number)
    changed = ada.get(f"{RESULT}/{number}", headers={"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.json()["status"]) == (200, "COMPLETED")
    known = f'"x", W/{changed.headers["etag"]}'
    assert ada.get(f"{RESULT}/{number}", headers={"If-None-Match": known}).status_code == 304


@pytest.mark.parametrize("route", [RESULT, TASKS])
def test_another_ones_task_is_none(ada, somebody, route, database):
    number = submitted(ada)
    check(somebody().get(f"{route}/{number}"), 404)
    check(ada.get(f"{route}/{uuid4()}"), 404)
    check(ada.get(f"{route}/power"), 422)
    other = tasks.submit(database, named(ada), "another kind", {}, "forecasts")
    check(ada.get(f"{route}/{other.id}"), 404)


def test_a_fit_may_be_waited_for_by_many(ada, carry_out, inference):
    """All but the first are asked of the model that was fitted meanwhile."""
    numbers = [submitted(ada) for _ in range(3)]
    for number in numbers:
        carry_out(number)
    versions = [ada.get(f"{RESULT}/{number}").json()["month"]["model"]["version"] for number in numbers]
    assert max(Counter(versions).values()) == 3
    assert len({json.loads(body)["year"] for _, path, _, body in inference.seen if path.startswith("/forecast/")}) == 1
