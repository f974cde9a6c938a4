"""What a newly started inference server makes of the registry: a published model, a spoilt one, a lying one."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bentos.artifact import MANIFEST, Description, open_artifact, save
from bentos.registry import publish, set_current

RELEASED = Path(__file__).parents[2] / "bentos" / "load" / "released"


@pytest.fixture
def current(tmp_path):
    """Makes the released model, described otherwise, the registry's current one; gives its folder there."""

    def make(**otherwise: object) -> Path:
        released = open_artifact(RELEASED)
        fields = released.manifest.model_dump(include=set(Description.model_fields))
        another = Description.model_validate(fields | {"created": datetime(2025, 1, 1, tzinfo=UTC)} | otherwise)
        weights = {name: content for name, content in released.files.items() if name != MANIFEST}
        fitted = tmp_path / f"{another.created:fitted-%m}"
        save(fitted, another, weights)
        place = publish(tmp_path / "data" / "models", fitted)
        set_current(tmp_path / "data" / "models", "load", place.name)
        return place

    return make


def test_a_server_answers_with_what_was_published_when_it_started_and_with_what_is_published_later(
    current, start, caller, past
):
    def answering() -> str:
        said = caller.post(f"{server.url}/forecast", json={"series": past(100)})
        return said.json()["model"]["version"]

    first = current().name
    server = start.inference()
    server.wait_until_ready()
    assert answering() == first
    second = current(created=datetime(2025, 2, 1, tzinfo=UTC)).name
    end = time.monotonic() + 30
    while (version := answering()) != second:
        assert version == first
        assert time.monotonic() < end
        time.sleep(0.1)
    assert server.stop() == 0


def test_a_tampered_model_stops_the_start_and_the_last_line_says_what_to_do(current, start):
    weights = current() / "ridge.onnx"
    spoilt = bytearray(weights.read_bytes())
    spoilt[len(spoilt) // 2] ^= 1
    weights.write_bytes(spoilt)
    server = start.inference()
    assert server.process.wait(60) != 0
    last = server.log.read_text().strip().splitlines()[-1]
    assert f"{weights} was changed or cut short." in last
    assert last.endswith("Copy the whole folder again, or train the model.")


def test_a_current_file_that_names_no_version_there_stops_the_start(current, start):
    (current().parent / "current").write_text("20990101-0123456789abcdef\n")
    server = start.inference()
    assert server.process.wait(60) != 0
    assert "names 20990101-0123456789abcdef, which is not there. Set another version." in server.log.read_text()


def test_a_model_that_answers_its_golden_question_otherwise_is_never_ready(current, start):
    golden = open_artifact(RELEASED).manifest.golden.model_dump()
    golden["answer"][0]["mean"] += 5
    current(golden=golden)
    server = start.inference()
    end = time.monotonic() + 60
    while "answers its golden question otherwise than recorded" not in server.log.read_text():
        assert time.monotonic() < end, server.log.read_text()
        time.sleep(0.1)
    assert server.status("/readyz") is None
