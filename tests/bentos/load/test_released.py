from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bentos.artifact import ArtifactError, open_artifact
from bentos.load import model as load_model
from bentos.load.model import LoadModel, schema_fingerprint
from bentos.load.schema import ModelType, Question

RELEASED = Path(load_model.__file__).with_name("released")
MODELS = get_args(ModelType)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 60))
def test_a_row_is_answered_alike_alone_and_among_others_in_any_order(ask, released, seed, size):
    prepared = released.prepare(ask())
    dice = np.random.default_rng(seed)
    rows = prepared.rows[dice.integers(len(prepared.rows), size=size)]
    rows = rows + dice.normal(size=rows.shape)
    order = dice.permutation(size)
    together, turned = released.predict(rows), released.predict(rows[order])
    alone = [released.predict(row[None]) for row in rows]
    assert [spec.name for spec in released.outputs] == list(MODELS)
    for k in range(len(MODELS)):
        np.testing.assert_allclose(together[k], [one[k][0] for one in alone], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(turned[k], together[k][order], rtol=1e-12, atol=1e-12)


def test_the_released_artifact_is_small_relative_and_answers_its_golden_question(released):
    released.prove()
    assert sum(path.stat().st_size for path in RELEASED.iterdir()) <= 2_000_000
    assert released.parameters.cold_start
    assert not {"year", "month", "day", "day_of_year"} & set(released.manifest.features)
    assert all(weight >= 0 for weight in released.parameters.weights.values())
    assert sum(released.parameters.weights.values()) <= 1 + 1e-3


@pytest.mark.parametrize("spoil", [lambda days: days[3].update(mean=days[3]["mean"] * 1.001), list.pop])
def test_a_model_that_answers_otherwise_than_recorded_is_not_taken_into_service(released, spoil):
    answer = json.loads(json.dumps(released.manifest.golden.answer))
    spoil(answer)
    golden = released.manifest.golden.model_copy(update={"answer": answer})
    other = LoadModel(open_artifact(RELEASED))
    other.manifest = released.manifest.model_copy(update={"golden": golden})
    with pytest.raises(ArtifactError, match="golden question otherwise than recorded"):
        other.prove()


def test_an_artifact_for_other_fields_of_question_and_answer_is_refused(monkeypatch):
    assert open_artifact(RELEASED, schema_fingerprint=schema_fingerprint())
    fields = {**Question.model_fields, "wind": Question.model_fields["unit"]}
    monkeypatch.setattr(Question, "__pydantic_fields__", fields)
    with pytest.raises(ArtifactError, match="schema_fingerprint"):
        open_artifact(RELEASED, schema_fingerprint=schema_fingerprint())


def test_a_process_with_a_model_notes_nothing_for_the_makers_of_its_runtime(tmp_path):
    code = "from bentos.load.repository import RELEASED, open_model; open_model(RELEASED)"
    root = Path(load_model.__file__).parents[2]
    env = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), "HOME": str(tmp_path), "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, check=True, timeout=120)  # noqa: S603
    assert list(tmp_path.iterdir()) == []
