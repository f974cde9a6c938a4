"""The smallest real fault model, saved and opened as an artifact."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from air_handler import asked, healthy
from tiny import description, graph

from bentos.artifact import Golden, open_artifact, save
from bentos.fault.model import GRAPH, NAME, FaultModel, comparable, schema_fingerprint
from bentos.fault.schema import Question


@pytest.fixture(scope="session")
def artifact(tmp_path_factory) -> Path:
    """Its folder; the golden answer was asked of the model itself."""
    folder, question = tmp_path_factory.mktemp("fault"), asked(healthy())
    save(folder / "first", description(Golden(question=question, answer={})), {GRAPH: graph()})
    answer = FaultModel(open_artifact(folder / "first")).answer(Question.model_validate(question))
    save(folder / "proved", description(Golden(question=question, answer=comparable(answer))), {GRAPH: graph()})
    return folder / "proved"


@pytest.fixture(scope="session")
def model(artifact) -> FaultModel:
    return FaultModel(open_artifact(artifact, name=NAME, schema_fingerprint=schema_fingerprint()))
