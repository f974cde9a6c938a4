"""From fitted members to an artifact, and through the gate into the registry."""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from pydantic import JsonValue

from bentos.artifact import Artifact, ArtifactError, Description, Golden, Manifest, fingerprint, open_artifact, save
from bentos.load.known import Known
from bentos.load.model import ERRORS, NAME, LoadModel, comparable, schema_fingerprint
from bentos.load.sample import sample_series
from bentos.load.schema import MAX_LEAD_DAYS, Question
from bentos.registry import current, publish, set_current
from training.export import linear_to_onnx, trees_to_onnx
from training.load import Recipe, Tuned
from training.moments import Replay

LIBRARIES = ("scikit-learn", "numpy", "pandas", "onnx", "onnxruntime", "holidays")
GOLDEN_DAYS = 430
WORST_MASE = 0.95  # the floor of Q1: nothing is released below it
TOLERANCE = 0.05  # of the error of the version before; other seeds and splits make two per cent
MOST_BYTES = 2_000_000  # of a caller's model: an inference server keeps many
ORIGINS = "origins"  # among a manifest's scores, MASE by the day of each origin


class GateError(Exception):
    """The model is not good enough to be published."""


@cache
def golden_question() -> Question:
    """A generated series, so that no one's data is in an artifact."""
    return Question.model_validate({"series": sample_series()[-GOLDEN_DAYS:]})


def write_artifact(folder: Path, fitted: dict[str, Any], replayed: Replay, describe: dict[str, Any]) -> Artifact:
    """Save members and error trajectories; ``describe`` has the fields of a description that only training knows."""
    with tempfile.TemporaryDirectory() as scratch:
        unproved = write_unproved(Path(scratch, "first"), fitted, replayed, describe)
        answer = comparable(LoadModel(unproved).answer(golden_question()))
    golden = Golden(question=unproved.manifest.golden.question, answer=answer)  # type: ignore[arg-type]
    files = {name: unproved.files[name] for name in unproved.manifest.files}
    return save(folder, Description(golden=golden, **describe), files)


def write_unproved(folder: Path, fitted: dict[str, Any], replayed: Replay, describe: dict[str, Any]) -> Artifact:
    """The same without an answer to the golden question: enough to be asked once, and nothing that could be served."""
    files = {f"{name.lower()}.onnx": _graph(estimator) for name, estimator in fitted.items()}
    files[ERRORS] = _error_file(replayed)
    question = golden_question().model_dump(mode="json", exclude_defaults=True)
    return save(folder, Description(golden=Golden(question=question, answer=[]), **describe), files)


def description(
    known: Known, recipe: Recipe, tuned: Tuned, scores: Mapping[str, JsonValue], name: str = NAME
) -> dict[str, Any]:
    """What an artifact says of how it was made."""
    return {
        "name": name,
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
    _refuse_naive(scores.get("Q1", math.nan))
    place = publish(models, folder)
    set_current(models, NAME, place.name)
    return place.name


def publish_if_better(models: Path, folder: Path) -> tuple[str, str | None]:
    """Put a caller's model into the registry; its version, and why the one before stays the current one, if it does.

    Raises ``GateError`` for what may not even be a version.
    """
    fitted = open_artifact(folder)
    _refuse_naive(_number(fitted.manifest.scores.get("Q1")))
    if (size := sum(map(len, fitted.files.values()))) > MOST_BYTES:
        raise GateError(f"The model has {size} bytes; a caller's may have {MOST_BYTES}. Use fewer trees.")
    place = publish(models, folder)
    worse = _worse_than_current(models, fitted.manifest)
    if worse is None:
        set_current(models, fitted.manifest.name, place.name)
    return place.name, worse


def _refuse_naive(mase: float) -> None:
    if not mase <= WORST_MASE:
        raise GateError(f"MASE {mase:.3f} is above {WORST_MASE}: no better than naive. Give more data.")


def _worse_than_current(models: Path, fitted: Manifest) -> str | None:
    """Over the months that both were scored on, else over all: a hard month must not count against one alone."""
    try:
        place = current(models, fitted.name)
        before = place and open_artifact(place, name=fitted.name, schema_fingerprint=schema_fingerprint()).manifest
    except ArtifactError:
        return None  # it cannot answer: anything is better
    if not before:
        return None
    now, then = (_by_month(manifest) for manifest in (fitted, before))
    months = now.keys() & then.keys()
    if months:
        mase, theirs = (fmean(scores[month] for month in months) for scores in (now, then))
    else:
        mase, theirs = (_number(manifest.scores.get("Q1")) for manifest in (fitted, before))
    if mase <= theirs * (1 + TOLERANCE):
        return None
    told = f"over the {len(months)} months that both were scored on" if months else "each over its own months"
    return (
        f"MASE {mase:.3f} is worse than {theirs:.3f} of {before.version}, {told}: that one stays the current version."
    )


def _by_month(manifest: Manifest) -> dict[str, float]:
    origins = manifest.scores.get(ORIGINS)
    return {day: _number(mase) for day, mase in origins.items()} if isinstance(origins, dict) else {}


def _number(value: JsonValue) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


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
