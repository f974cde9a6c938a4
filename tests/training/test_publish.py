from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bentos.artifact import MANIFEST, Description, open_artifact, save
from bentos.load import model as load_model
from bentos.registry import current, versions
from training.measured import machine, record
from training.moments import Replay
from training.publish import GateError, _error_file, golden_question, publish_if_better, publish_if_good

RELEASED = Path(load_model.__file__).with_name("released")
DAY = pd.Timestamp("2014-01-01")
MINE = "load-" + "0a" * 16


@pytest.mark.parametrize("mase", [0.951, 1.0, math.inf, math.nan])
def test_a_model_no_better_than_naive_never_reaches_the_registry(tmp_path, mase):
    with pytest.raises(GateError, match=r"above 0\.95: no better than naive\. Give more data"):
        publish_if_good(tmp_path, RELEASED, {"Q1": mase})
    assert list(tmp_path.iterdir()) == []


def test_a_good_model_is_published_and_current(tmp_path):
    version = publish_if_good(tmp_path, RELEASED, {"Q1": 0.95})
    assert current(tmp_path, "load") == tmp_path / "load" / version
    assert publish_if_good(tmp_path, RELEASED, {"Q1": 0.5}) == version  # once more is no harm


@pytest.fixture
def fitted(tmp_path):
    """Makes an artifact of a caller's model with these scores; its day is the registry's memory of the order."""

    def make(day: int, q1: float, by_month: dict[str, float] | None = None, **otherwise) -> Path:
        released = open_artifact(RELEASED)
        fields = released.manifest.model_dump(include=set(Description.model_fields)) | {"name": MINE}
        fields |= {"created": datetime(2025, 1, day, tzinfo=UTC), "scores": {"Q1": q1, "origins": by_month or {}}}
        weights = {name: content for name, content in released.files.items() if name != MANIFEST}
        folder = tmp_path / "fits" / str(day)
        save(folder, Description.model_validate(fields | otherwise), weights)
        return folder

    return make


def test_the_first_model_of_a_caller_is_current_and_a_better_one_replaces_it(tmp_path, fitted):
    for day, q1 in ((1, 0.8), (2, 0.7), (3, 0.7 * 1.04)):  # a little worse is chance
        version, worse = publish_if_better(tmp_path, fitted(day, q1))
        assert worse is None
        assert current(tmp_path, MINE) == tmp_path / MINE / version


def test_a_worse_one_is_a_version_and_does_not_become_current(tmp_path, fitted):
    first, _ = publish_if_better(tmp_path, fitted(1, 0.7))
    second, worse = publish_if_better(tmp_path, fitted(2, 0.8))
    assert current(tmp_path, MINE).name == first
    assert versions(tmp_path, MINE) == [first, second]
    assert worse.startswith(f"MASE 0.800 is worse than 0.700 of {first}")


def test_two_models_are_compared_over_the_months_that_both_were_scored_on(tmp_path, fitted):
    publish_if_better(tmp_path, fitted(1, 0.6, {"2024-01-31": 0.6, "2024-02-29": 0.6}))
    hard_month = {"2024-02-29": 0.6, "2024-03-31": 1.0}
    second, worse = publish_if_better(tmp_path, fitted(2, 0.8, hard_month))
    assert (worse, current(tmp_path, MINE).name) == (None, second)
    easy_month = {"2024-03-31": 1.2, "2024-04-30": 0.1}
    _, worse = publish_if_better(tmp_path, fitted(3, 0.65, easy_month))
    assert "MASE 1.200 is worse than 1.000" in worse
    assert "over the 1 months that both" in worse


def test_a_current_version_that_cannot_answer_is_replaced_by_any_that_passes(tmp_path, fitted):
    publish_if_better(tmp_path, fitted(1, 0.2, schema_fingerprint="0" * 64))
    second, worse = publish_if_better(tmp_path, fitted(2, 0.9))
    assert (worse, current(tmp_path, MINE).name) == (None, second)
    (tmp_path / MINE / second / "ridge.onnx").write_bytes(b"")
    third, worse = publish_if_better(tmp_path, fitted(3, 0.94))
    assert (worse, current(tmp_path, MINE).name) == (None, third)


@pytest.mark.parametrize("mase", [0.951, 5.0])
def test_a_callers_model_no_better_than_naive_is_no_version(tmp_path, fitted, mase):
    with pytest.raises(GateError, match="no better than naive"):
        publish_if_better(tmp_path, fitted(1, mase))
    assert versions(tmp_path, MINE) == []


def test_a_callers_model_may_not_be_larger_than_a_server_can_keep_many_of(tmp_path, fitted):
    with pytest.raises(GateError, match="a caller's may have 2000000"):
        publish_if_better(tmp_path, fitted(1, 0.5, parameters={"padding": "x" * 2_000_000}))
    assert versions(tmp_path, MINE) == []


def test_the_golden_question_is_long_enough_for_every_part_of_the_model():
    question = golden_question()
    assert len(question.series) >= 400
    assert all(reading.temperature is not None for reading in question.series)


def test_a_kind_of_history_too_rare_to_draw_from_borrows_the_others_errors():
    def replayed(short: int, years: int) -> Replay:
        errors = {"short": [(DAY, np.full(62, 1.0))] * short, "years": [(DAY, np.full(62, 2.0))] * years}
        return Replay(pd.DataFrame(), np.empty(0), pd.DatetimeIndex([]), pd.DatetimeIndex([]), errors)

    enough = json.loads(_error_file(replayed(10, 12)))
    assert ([row[0] for row in enough["short"]], [row[0] for row in enough["years"]]) == ([1.0] * 10, [2.0] * 12)
    rare = json.loads(_error_file(replayed(12, 3)))
    assert [row[0] for row in rare["years"]] == [1.0] * 12 + [2.0] * 3
    assert [row[0] for row in rare["short"]] == [1.0] * 12


def test_a_command_replaces_its_own_rows_and_keeps_all_others(tmp_path):
    path = tmp_path / "docs" / "measured.json"
    record(path, {"Q1": 0.9, "Q5": 0.5}, "python -m training load old")
    record(path, {"Q1": 0.76049, "Q1@eecup": 0.5}, "python -m training load new")
    rows = {row["id"]: row for row in json.loads(path.read_text())}
    assert list(rows) == ["Q1", "Q1@eecup", "Q5"]
    assert {name: row["value"] for name, row in rows.items()} == {"Q1": 0.7605, "Q1@eecup": 0.5, "Q5": 0.5}
    assert [row["command"].split()[-1] for row in rows.values()] == ["new", "new", "old"]
    assert [row["unit"] for row in rows.values()] == ["ratio", "ratio", "fraction"]
    assert rows["Q1"]["machine"] == machine()
    table = path.with_suffix(".md").read_text()
    assert "| Q1@eecup | 0.5 | ratio | `python -m training load new` |" in table
    assert table.count("\n| Q") == 3
