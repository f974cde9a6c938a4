"""Long work as callers see it: listed, polled, watched, cancelled, counted."""

import asyncio
import json
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from prometheus_client import REGISTRY

sys.path.insert(0, str(Path(__file__).parent))
from chores import KINDS, connected, order, wait_until
from conftest import running

from gateway import tasks
from gateway.app import create_app
from gateway.owner import owner
from gateway.settings import Settings
from gateway.shortway import ShortProtocol

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def database(data):
    engine = connected(data)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def address(data, database, upstream):
    """A gateway of Ada's, with four places for watchers."""
    app = create_app(Settings(data=data, inference_url=upstream.url, anonymous=True), KINDS)
    app.dependency_overrides[owner] = lambda: "ada"
    app.state.watching = asyncio.Semaphore(4)
    with running(app, ShortProtocol) as url:
        yield url


@pytest.fixture
def client(address):
    with httpx.Client(base_url=address, trust_env=False, timeout=30) as calling:
        yield calling


def asleep(database, **asked):
    """A task that nobody works on: its lease is the test's."""
    task = order(database, owner="ada", **asked)
    return task, tasks.claim(database, task.id, 3600)


def test_a_task_shows_how_far_it_is_and_all_its_steps(client, database):
    task, lease = asleep(database)
    tasks.beat(database, lease, 40, "fitting", 12.5)
    shown = client.get(f"/api/v1/tasks/{task.id}").json()
    assert (shown["id"], shown["kind"], shown["status"]) == (str(task.id), "chore", "RUNNING")
    assert (shown["progress"], shown["stage"], shown["left_s"], shown["attempts"]) == (40, "fitting", 12.5, 1)
    assert [(step["status"], step["attempt"]) for step in shown["steps"]] == [("PENDING", 0), ("RUNNING", 1)]
    assert shown["created_at"].endswith("Z")
    assert (shown["error"], shown["result"]) == (None, None)
    tasks.fail(database, lease, "too-short", "Import more.")
    assert client.get(f"/api/v1/tasks/{task.id}").json()["error"] == {"code": "too-short", "detail": "Import more."}


def test_polling_costs_nothing_until_something_changes(client, database):
    task, lease = asleep(database)
    path = f"/api/v1/tasks/{task.id}"
    first = client.get(path)
    assert (first.status_code, first.headers["retry-after"]) == (200, "1")
    known = {"If-None-Match": first.headers["etag"]}
    tasks.beat(database, lease)
    again = client.get(path, headers=known)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert again.headers["retry-after"] == "1"
    for words in (f'"x", W/{first.headers["etag"]}', "*"):
        assert client.get(path, headers={"If-None-Match": words}).status_code == 304
    tasks.beat(database, lease, 10, "fitting", 100.0)
    changed = client.get(path, headers=known)
    assert (changed.status_code, changed.headers["retry-after"]) == (200, "10")
    tasks.complete(database, lease, {"n": 1}, lambda session: None)
    done = client.get(path, headers={"If-None-Match": changed.headers["etag"]})
    assert (done.status_code, done.json()["result"], "retry-after" in done.headers) == (200, {"n": 1}, False)


def test_what_is_cancelled_ends_once(client, database):
    task, lease = asleep(database)
    answer = client.delete(f"/api/v1/tasks/{task.id}")
    assert (answer.status_code, answer.json()["status"]) == (200, "FAILED")
    assert answer.json()["error"]["code"] == "cancelled"
    with pytest.raises(tasks.LostError):
        tasks.beat(database, lease)
    again = client.delete(f"/api/v1/tasks/{task.id}")
    assert (again.status_code, again.headers["content-type"]) == (409, PROBLEM)
    assert "ended already" in again.json()["detail"]


@pytest.mark.parametrize(("verb", "more"), [("GET", ""), ("DELETE", ""), ("GET", "/events")])
def test_a_task_of_others_is_as_unknown_as_one_that_never_was(client, database, verb, more):
    others = order(database, owner="bob", queue="training", seconds=60)
    said = []
    for number in (others.id, uuid4()):
        answer = client.request(verb, f"/api/v1/tasks/{number}{more}")
        assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)
        said.append(answer.json()["detail"])
    assert said[0] == said[1]
    assert tasks.find(database, "bob", others.id).status != "FAILED"
    tasks.cancel(database, "bob", others.id)
    assert client.request(verb, f"/api/v1/tasks/7{more}").status_code == 422


def pages(client, path):
    while path:
        answer = client.get(path)
        assert answer.status_code == 200
        yield [item["id"] for item in answer.json()["items"]]
        path = answer.links.get("next", {}).get("url")


def test_pages_hold_every_task_once_the_newest_first_whatever_comes_meanwhile(client, database):
    made = [asleep(database)[0].id for _ in range(5)]
    turning = pages(client, "/api/v1/tasks?limit=2&status=RUNNING")
    seen = [next(turning)]
    late, _ = asleep(database)
    seen += list(turning)
    numbers = [number for page in seen for number in page]
    assert numbers[:5] == [str(number) for number in reversed(made)]
    assert len(numbers) == len(set(numbers))
    assert str(late.id) not in numbers
    assert all(len(page) == 2 for page in seen[:-1])
    everything = [number for page in pages(client, "/api/v1/tasks") for number in page]
    assert everything[0] == str(late.id)
    assert len(everything) > len(numbers)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "status=DONE", "after=7", "page=2"])
def test_a_list_that_cannot_be_is_refused(client, query):
    answer = client.get(f"/api/v1/tasks?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)


def test_a_page_after_a_task_of_others_is_unknown(client, database):
    others = order(database, owner="bob", queue="training", seconds=60)
    assert client.get(f"/api/v1/tasks?after={others.id}").status_code == 404
    tasks.cancel(database, "bob", others.id)


@contextmanager
def watching(client, task):
    """The events of a task, each as it comes."""
    with client.stream("GET", f"/api/v1/tasks/{task.id}/events") as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield (json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line.startswith("data: "))


def test_a_watcher_is_told_of_each_change_and_the_end_is_the_end(client, database):
    task, lease = asleep(database)
    with watching(client, task) as events:
        assert next(events)["status"] == "RUNNING"
        tasks.beat(database, lease, 40, "fitting", 12.5)
        assert next(events)["progress"] == 40
        tasks.complete(database, lease, {"n": 1}, lambda session: None)
        assert [(event["status"], event["result"]) for event in events] == [("COMPLETED", {"n": 1})]


def test_watchers_are_bounded_and_make_room_when_they_leave(client, address, database):
    task, _ = asleep(database)
    path = f"{address}/api/v1/tasks/{task.id}/events"
    room, begun = threading.Semaphore(0), threading.Semaphore(0)

    def watch():
        with httpx.stream("GET", path, trust_env=False, timeout=60) as answer:
            assert answer.status_code == 200
            lines = answer.iter_lines()  # held: who lets go of it hangs up
            next(lines)
            begun.release()
            room.acquire()

    watchers = [threading.Thread(target=watch) for _ in range(4)]
    for watcher in watchers:
        watcher.start()
    for _ in watchers:
        assert begun.acquire(timeout=60)
    refused = client.get(path)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
    for _ in watchers:
        room.release()
    for watcher in watchers:
        watcher.join()

    def there_is_room():
        with client.stream("GET", path) as answer:
            return answer.status_code == 200

    wait_until(there_is_room)


def gauge(name, **labels):
    """As a scrape would find it: the gateway runs in this process."""
    return REGISTRY.get_sample_value(name, labels)


def test_tasks_are_counted_by_state_and_the_oldest_unfinished_one_has_an_age(address, database):
    asleep(database)
    wait_until(lambda: (gauge("forewatt_task_state", state="RUNNING") or 0) >= 1)
    assert gauge("forewatt_task_state", state="FAILED") is not None
    wait_until(lambda: (gauge("forewatt_task_age_seconds") or 0) > 0)
