"""A caller's model while the server runs: published, asked, replaced, and never seen below ``/v2``."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from bentos.artifact import MANIFEST, Description, open_artifact, save
from bentos.registry import publish, set_current

RELEASED = Path(__file__).parents[2] / "bentos" / "load" / "released"
MINE = "load-" + "0a" * 16


@pytest.fixture
def fit(tmp_path, house) -> Iterator[Callable[[str, int], str]]:
    """Publishes the released weights as a caller's model, made on ``day``; gives its version."""

    def make(name: str, day: int) -> str:
        released = open_artifact(RELEASED)
        fields = released.manifest.model_dump(include=set(Description.model_fields))
        fields |= {"name": name, "created": datetime(2025, 1, day, tzinfo=UTC)}
        weights = {file: content for file, content in released.files.items() if file != MANIFEST}
        save(tmp_path / f"{name}-{day}", Description.model_validate(fields), weights)
        place = publish(house.data / "models", tmp_path / f"{name}-{day}")
        set_current(house.data / "models", name, place.name)
        return place.name

    yield make
    for folder in (house.data / "models").glob("load-*"):
        shutil.rmtree(folder)


def test_a_model_published_while_the_server_runs_answers_at_its_own_address_and_nowhere_else(house, caller, past, fit):
    url, question = house.inference.url, {"series": past(100)}
    assert caller.post(f"{url}/forecast/{MINE}", json=question).status_code == 404
    first = fit(MINE, 1)
    said = caller.post(f"{url}/forecast/{MINE}", json=question)
    assert (said.status_code, said.json()["model"]["name"], said.json()["model"]["version"]) == (200, MINE, first)
    assert "server-timing" in said.headers
    second = fit(MINE, 2)
    assert caller.post(f"{url}/forecast/{MINE}", json=question).json()["model"]["version"] == second
    assert caller.post(f"{url}/forecast/{MINE}/{first}", json=question).json()["model"]["version"] == first
    assert caller.post(f"{url}/forecast", json=question).json()["model"]["name"] == "load"
    caller.headers = house.gateway.right
    for server in (house.inference.url, house.gateway.url):
        assert MINE not in caller.post(f"{server}/v2/repository/index").text
        assert caller.get(f"{server}/v2/models/{MINE}").status_code == 404
        assert caller.post(f"{server}/v2/models/{MINE}/infer", json={"inputs": []}).status_code == 404
        assert caller.post(f"{server}/v2/models/{MINE}/versions/{first}/infer", json={"inputs": []}).status_code == 404
    loading = f"/v2/repository/models/{MINE}/load"
    assert caller.post(f"{house.inference.url}{loading}").status_code == 404
    assert caller.post(f"{house.gateway.url}{loading}").status_code == 403  # an admin's alone


@pytest.mark.parametrize("path", ["load", f"{MINE}/..%2f..%2fload", "%2e%2e/models", f"{MINE}%00", f"{MINE}/current"])
def test_no_path_leads_out_of_the_callers_models(house, caller, past, path):
    said = caller.post(f"{house.inference.url}/forecast/{path}", json={"series": past(100)})
    assert (said.status_code, said.json()["code"]) == (404, "no_model")
    assert said.headers["content-type"] == "application/problem+json"


def test_who_cannot_wait_and_who_asks_badly_are_told_as_everywhere(house, caller, past, fit):
    fit(MINE, 1)
    url = f"{house.inference.url}/forecast/{MINE}"
    hurried = caller.post(url, json={"series": past(100)}, headers={"X-Forewatt-Deadline-Ms": "1"})
    assert (hurried.status_code, hurried.json()["code"]) == (503, "deadline")
    assert int(hurried.headers["retry-after"]) >= 1
    assert caller.get(url).status_code == 405
    assert caller.post(url, content=b"{").status_code == 400
    assert caller.post(url, json={"series": past(3)}).status_code == 422


def test_many_models_that_nobody_has_opened_answer_at_once_and_beside_the_released_one(house, caller, past, fit):
    names = [f"load-{n:032x}" for n in range(12)]
    versions = {name: fit(name, 1) for name in names}
    paths = [path for name in names for path in (f"/forecast/{name}", "/forecast")]
    with ThreadPoolExecutor(len(paths)) as callers:
        ask = partial(caller.post, json={"series": past(100)})
        said = list(callers.map(lambda path: ask(house.inference.url + path), paths))
    assert [reply.status_code for reply in said] == [200] * len(paths)
    models = [reply.json()["model"] for reply in said]
    assert [model["name"] for model in models[::2]] == names
    assert {model["name"]: model["version"] for model in models[::2]} == versions
    assert {model["name"] for model in models[1::2]} == {"load"}
