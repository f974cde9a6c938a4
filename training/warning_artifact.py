"""An early warning that was judged becomes an artifact, with a golden question that the inference server asks it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from pydantic import JsonValue

from bentos.artifact import Artifact, Description, Golden, fingerprint, save
from bentos.fault.model import GRAPH, NAME, FaultModel, comparable, schema_fingerprint
from bentos.fault.points import CONVERSIONS, POINTS
from bentos.fault.schema import HORIZONS, Question
from bentos.fault.windows import STEP, STEPS, reference_of
from training.early_warning import HOUR
from training.export_network import network_to_onnx
from training.fault_pipeline import Warner
from training.fleet import begun, episodes_by_unit, healthy
from training.hvac import episodes_of, readings_of

LIBRARIES = ("torch", "onnx", "onnxruntime", "numpy", "pandas", "scikit-learn")


def write_warning(folder: Path, warner: Warner, campaign: Path, scores: Mapping[str, JsonValue]) -> Artifact:
    """Graph, calibration and levels, and a simulated unit's golden question. Raises ``ValueError`` if too large."""
    graph = {GRAPH: network_to_onnx(warner.network, STEPS, len(warner.recipe.channels))}
    question, said = golden_question(campaign), _description(warner, campaign, scores)
    asked = question.model_dump(mode="json", exclude_none=True)
    with tempfile.TemporaryDirectory() as scratch:
        unproved = save(Path(scratch, "first"), Description(golden=Golden(question=asked, answer=[]), **said), graph)
        answer = comparable(FaultModel(unproved).answer(question))
    golden = Golden(question=asked, answer=cast(JsonValue, answer))
    return save(folder, Description(golden=golden, **said), graph)


def golden_question(campaign: Path) -> Question:
    """72 hours of the campaign's first faulty unit for validation, two days before its first slow fault's limit."""
    units = episodes_by_unit(episodes_of(campaign), "validation")
    name, episodes = next((unit, found) for unit, found in units.items() if any(one.slow for one in found))
    readings = begun(readings_of(campaign, name))
    limit = next(episode.functional_limit for episode in episodes if episode.slow)
    until = (limit - 48 * HOUR).floor(STEP)
    return question_at(name, readings, until, reference_of(healthy(readings, episodes)).model_dump(mode="json"))


def question_at(unit: str, readings: pd.DataFrame, at: pd.Timestamp, reference: JsonValue) -> Question:
    """What is asked of a unit ``at`` a moment: the 72 hours before it, of readings stamped by their begin.

    Raises ``ValueError`` where they say too little.
    """
    window = readings[(readings.index >= at - STEPS * STEP) & (readings.index < at)]
    asked = {
        "unit_id": unit,
        "at": at.isoformat(),
        "times": [stamp.isoformat() for stamp in window.index],
        "points": {str(point): _series(str(point), column) for point, column in window.items()},
        "reference": reference,
    }
    return Question.model_validate(asked, strict=False)


def _series(point: str, column: pd.Series[float]) -> dict[str, Any]:
    units = CONVERSIONS[POINTS[point].quantity]
    unit = next(code for code, conversion in units.items() if conversion == (1, 0))
    return {"unit": unit, "values": [None if np.isnan(value) else round(float(value), 3) for value in column]}


def _description(warner: Warner, campaign: Path, scores: Mapping[str, JsonValue]) -> dict[str, Any]:
    return {
        "name": NAME,
        "created": datetime.now(UTC),
        "features": warner.recipe.channels,
        "units": {"window": "1", "hazard": "1", "severity": "1"},
        "horizon_days": max(HORIZONS) // 24,
        "step": STEP.to_pytimedelta(),
        "schema_fingerprint": schema_fingerprint(),
        "data_fingerprint": fingerprint(_seen(campaign).to_csv(index=False)),
        "versions": {"python": sys.version.split()[0], **{name: version(name) for name in LIBRARIES}},
        "recipe": {**asdict(warner.recipe), "hold_hours": warner.policy.hold / HOUR, "units": _units(campaign)},
        "scores": dict(scores),
        "parameters": {
            "types": warner.types,
            "slope": warner.calibration.slope.tolist(),
            "offset": warner.calibration.offset.tolist(),
            "notice": {"on": warner.policy.on, "off": warner.policy.off},
            "levels": [level.model_dump() for level in warner.levels],
            "simulated_training": True,
        },
    }


def _seen(campaign: Path) -> pd.DataFrame:
    """The episodes of all units but the test's: what data made the model."""
    table = episodes_of(campaign)
    return table[table["split"] != "test"].reset_index(drop=True)


def _units(campaign: Path) -> dict[str, int]:
    return {str(split): int(units) for split, units in _seen(campaign).groupby("split")["unit"].nunique().items()}
