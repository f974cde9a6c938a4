from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bentos.load import model as load_model
from bentos.registry import current
from training.measured import machine, record
from training.moments import Replay
from training.publish import GateError, _error_file, golden_question, publish_if_good

RELEASED = Path(load_model.__file__).with_name("released")
DAY = pd.Timestamp("2014-01-01")


@pytest.mark.parametrize("mase", [0.951, 1.0, math.inf, math.nan])
def test_a_model_no_better_than_naive_never_reaches_the_registry(tmp_path, mase):
    with pytest.raises(GateError, match=r"above 0\.95: no better than naive\. Give more data"):
        publish_if_good(tmp_path, RELEASED, {"Q1": mase})
    assert list(tmp_path.iterdir()) == []


def test_a_good_model_is_published_and_current(tmp_path):
    version = publish_if_good(tmp_path, RELEASED, {"Q1": 0.95})
    assert current(tmp_path, "load") == tmp_path / "load" / version
    assert publish_if_good(tmp_path, RELEASED, {"Q1": 0.5}) == version  # once more is no harm


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
