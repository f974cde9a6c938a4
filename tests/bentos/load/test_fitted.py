"""Callers' models in a registry of their own, asked as the server's route asks them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bentos.artifact import MANIFEST, Description, open_artifact, save
from bentos.load import fitted, model
from bentos.load.fitted import Fitted
from bentos.load.schema import Answer
from bentos.registry import publish, set_current
from bentos.serving.contract import Limits, Shed
from bentos.serving.messages import Reply, Request
from bentos.serving.metrics import COUNTS, exposition
from bentos.serving.problems import Refused

RELEASED = Path(model.__file__).with_name("released")
MINE, OTHERS = "load-" + "0a" * 16, "load-" + "ff" * 16
NEVER = "20240101-0123456789abcdef"


@pytest.fixture
def fit(tmp_path) -> Callable[..., str]:
    """Publishes the released weights as a caller's model, made on ``day``; gives its version."""

    def make(name: str = MINE, day: int = 1, make_current: bool = True) -> str:
        released = open_artifact(RELEASED)
        fields = released.manifest.model_dump(include=set(Description.model_fields))
        fields |= {"name": name, "created": datetime(2025, 1, day, tzinfo=UTC)}
        fields["parameters"] |= {"cold_start": False}
        weights = {file: content for file, content in released.files.items() if file != MANIFEST}
        save(tmp_path / "fits" / f"{name}-{day}", Description.model_validate(fields), weights)
        place = publish(tmp_path, tmp_path / "fits" / f"{name}-{day}")
        if make_current:
            set_current(tmp_path, name, place.name)
        return place.name

    return make


@pytest.fixture
async def asked(tmp_path, series) -> Callable[..., Reply]:
    """Asks at a path below ``/forecast/``, and waits."""
    route = Fitted(tmp_path, 0.02, Limits())
    body = json.dumps({"series": series(500)}).encode()

    async def ask(path: str, method: str = "POST", body: bytes = body, within_s: float = 60.0) -> Reply:
        return await route(Request(method, f"/forecast/{path}", {}, body, time.monotonic() + within_s))

    return ask


@pytest.fixture(autouse=True)
def counted() -> Iterator[None]:
    yield
    COUNTS.remove(*fitted.ALL[:2])


async def refusal(asking) -> Refused:
    with pytest.raises(Refused) as refused:
        await asking
    return refused.value


async def test_the_current_version_answers_and_every_other_by_its_name(fit, asked):
    first, second, third = fit(day=1), fit(day=2), fit(day=3, make_current=False)
    versions = []
    for path in (MINE, f"{MINE}/{first}", f"{MINE}/{third}"):
        reply = await asked(path)
        answer = Answer.model_validate_json(reply.body)
        assert (reply.status, answer.model.name, answer.model.cold_start) == (200, MINE, False)
        assert not [warning for warning in answer.warnings if "another series" in warning]
        assert dict(reply.headers)[b"server-timing"]
        versions.append(answer.model.version)
    assert versions == [second, first, third]


async def test_a_version_made_current_answers_the_next_question(fit, asked):
    fit(day=1)
    await asked(MINE)
    second = fit(day=2)
    assert Answer.model_validate_json((await asked(MINE)).body).model.version == second


@pytest.mark.parametrize(
    "path",
    [
        *("", "load", "../models", MINE, MINE[:-1], MINE + "0", MINE.upper(), f"./{MINE}", f"{OTHERS}/../{MINE}"),
        *(f"{MINE}{more}" for more in ("/", "\n", "/current", "/../load", f"/{NEVER}", f"/{NEVER}/manifest.json")),
    ],
)
async def test_what_the_registry_does_not_have_or_never_could_is_404(fit, asked, path):
    fit(OTHERS)
    refused = await refusal(asked(path))
    assert (refused.status, refused.code) == (404, "no_model")


async def test_the_released_models_name_is_not_reached_by_this_way(tmp_path, asked):
    publish(tmp_path, RELEASED)
    assert (await refusal(asked("load"))).status == 404


async def test_a_spoilt_version_is_409_with_a_reason_until_it_is_whole_again(fit, asked, tmp_path):
    weights = tmp_path / MINE / fit() / "ridge.onnx"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    for _ in range(2):
        refused = await refusal(asked(MINE))
        assert (refused.status, refused.code) == (409, "broken_model")
        assert "ridge.onnx was changed or cut short" in refused.detail
    weights.write_bytes(whole)
    assert (await asked(MINE)).status == 200


async def test_an_artifact_in_anothers_place_is_refused(fit, asked, tmp_path):
    mine, other = fit(), fit(OTHERS, day=2)
    (tmp_path / MINE / other).symlink_to(tmp_path / OTHERS / other)
    assert (await refusal(asked(f"{MINE}/{other}"))).status == 409
    (tmp_path / MINE / NEVER).symlink_to(tmp_path / MINE / mine)
    assert "expected was" in (await refusal(asked(f"{MINE}/{NEVER}"))).detail


async def test_a_current_file_that_names_no_version_there_is_409(fit, asked, tmp_path):
    fit()
    for written in (NEVER, "../../etc", ""):
        (tmp_path / MINE / "current").write_text(written)
        assert (await refusal(asked(MINE))).status == 409


async def test_bad_questions_get_the_refusals_of_forecast(fit, asked):
    fit()
    assert (await refusal(asked(MINE, method="GET"))).status == 405
    assert (await refusal(asked(MINE, body=b"{"))).status == 400
    assert (await refusal(asked(MINE, body=b'{"series": []}'))).status == 422


async def test_who_cannot_wait_for_the_opening_is_shed_before_any_work(fit, asked):
    fit()
    with pytest.raises(Shed) as shed:
        await asked(MINE, within_s=0.001)
    assert shed.value.reason == "deadline"


async def test_many_questions_to_many_models_are_answered_each_by_its_own(fit, asked):
    versions = {name: fit(name) for name in (MINE, OTHERS)}
    replies = await asyncio.gather(*(asked(name) for name in [MINE, OTHERS] * 4))
    models = [Answer.model_validate_json(reply.body).model for reply in replies]
    assert [found.name for found in models] == [MINE, OTHERS] * 4
    assert all(found.version == versions[found.name] for found in models)
    assert 'forewatt_batch_rows_count{model="fitted",version="all",work="questions"} 8.0' in exposition()
    assert MINE not in exposition()
