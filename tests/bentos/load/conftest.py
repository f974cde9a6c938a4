"""A generated series to ask about, and the model that ships."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from bentos.artifact import open_artifact
from bentos.load import model as load_model
from bentos.load.sample import sample_series
from bentos.load.schema import Question

Rows = list[dict[str, Any]]
SAMPLE = sample_series()


@pytest.fixture(scope="session")
def series() -> Callable[..., Rows]:
    """``count`` generated days that end on ``last``; weekdays are those of the generated week only by chance."""

    def rows(count: int = len(SAMPLE), last: str = "2024-04-30") -> Rows:
        first = date.fromisoformat(last) - timedelta(days=count - 1)
        return [{**row, "date": (first + timedelta(days=i)).isoformat()} for i, row in enumerate(SAMPLE[-count:])]

    return rows


@pytest.fixture(scope="session")
def ask(series: Callable[..., Rows]) -> Callable[..., Question]:
    """A question about ``count`` generated days that end on ``last``, or about ``series=``."""

    def question(count: int = len(SAMPLE), last: str = "2024-04-30", **fields: Any) -> Question:
        return Question.model_validate({"series": series(count, last), **fields})

    return question


@pytest.fixture(scope="session")
def released() -> load_model.LoadModel:
    """The model in the repository, opened as a server opens it."""
    folder = Path(load_model.__file__).with_name("released")
    expected = load_model.schema_fingerprint()
    return load_model.LoadModel(open_artifact(folder, name=load_model.NAME, schema_fingerprint=expected))
