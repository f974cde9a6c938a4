"""From fitted members to an artifact, and through the gate into the registry."""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from bentos.artifact import Artifact, Description, Golden, fingerprint, save
from bentos.load.known import Known
from bentos.load.model import ERRORS, NAME, LoadModel, comparable, schema_fingerprint
from bentos.load.sample import sample_series
from bentos.load.schema import MAX_LEAD_DAYS, Question
from bentos.registry import publish, set_current
from training.export import linear_to_onnx, trees_to_onnx
from training.load import Recipe, Tuned
from training.moments import Replay

LIBRARIES = ("scikit-learn", "numpy", "pandas", "onnx", "onnxruntime", "holidays")
GOLDEN_DAYS = 430
WORST_MASE = 0.95  # the floor of Q1: nothing is released below it


class GateError(Exception):
    """The model is not good enough to be published."""


def golden_question() -> Question:
    """A generated series, so that no one's data is in an artifact."""
    return Question.model_validate({"series": sample_series()[-GOLDEN_DAYS:]})


def write_artifact(folder: Path, fitted: dict[str, Any], replayed: Replay, describe: dict[str, Any]) -> Artifact:
    """Save members and error trajectories; ``describe`` has the fields of a description that only training knows."""
    files = {f"{name.lower()}.onnx": _graph(estimator) for name, estimator in fitted.items()}
    files[ERRORS] = _error_file(replayed)
    unproved = Golden(question=golden_question().model_dump(mode="json", exclude_defaults=True), answer=[])
    description = Description(name=NAME, golden=unproved, **describe)
    with tempfile.TemporaryDirectory() as scratch:
        model = LoadModel(save(Path(scratch, "first"), description, files))
    answer = comparable(model.answer(golden_question()))
    proved = Golden(question=unproved.question, answer=answer)  # type: ignore[arg-type]
    return save(folder, description.model_copy(update={"golden": proved}), files)


def description(known: Known, recipe: Recipe, tuned: Tuned, scores: dict[str, float]) -> dict[str, Any]:
    """What an artifact says of how it was made."""
    return {
        "created": datetime.now(UTC),
        "features": recipe.features,
        "units": {"target": "spreads", "lead_days": "d", "temperature_difference": "Cel"},
        "horizon_days": MAX_LEAD_DAYS,
        "step": timedelta(days=1),
        "schema_fingerprint": schema_fingerprint(),
        "data_fingerprint": data_fingerprint(known),
        "versions": {"python": sys.version.split()[0], **{name: version(name) for name in LIBRARIES}},
        "recipe": {"name": recipe.name, "tuned": tuned.fold_scores},
        "scores": scores,
        "parameters": {"weights": tuned.weights, "cold_start": recipe.cold_start},
    }


def data_fingerprint(known: Known) -> str:
    """Of the table that was fitted on."""
    return fingerprint(known.days.to_csv(float_format="%.9g"))


def publish_if_good(models: Path, folder: Path, scores: dict[str, float]) -> str:
    """Put the artifact into the registry and make it current. Raises ``GateError`` below the floor."""
    if not scores["Q1"] <= WORST_MASE:
        raise GateError(f"MASE {scores['Q1']:.3f} is above {WORST_MASE}: no better than naive. Give more data.")
    place = publish(models, folder)
    set_current(models, NAME, place.name)
    return place.name


def _graph(estimator: Any) -> bytes:  # noqa: ANN401 - scikit-learn has no types
    if hasattr(estimator, "named_steps"):
        scale, ridge = estimator.named_steps["scale"], estimator.named_steps["ridge"]
        return linear_to_onnx(ridge.coef_, ridge.intercept_, scale.mean_, scale.scale_)
    return trees_to_onnx(estimator)


def _error_file(replayed: Replay) -> bytes:
    """Trajectories by kind of history; a kind too rare to draw from borrows the other's."""
    kinds = {kind: [np.round(errors, 3).tolist() for _, errors in rows] for kind, rows in replayed.errors.items()}
    both = [row for rows in kinds.values() for row in rows]
    enough = {kind: rows if len(rows) >= 10 else both for kind, rows in kinds.items()}
    return json.dumps(enough, separators=(",", ":")).encode()
