"""The fault model as it is opened; as long as none is released, nothing may be there."""

from __future__ import annotations

from pathlib import Path

from bentos.artifact import open_artifact
from bentos.fault.model import NAME, FaultModel, schema_fingerprint

RELEASED = Path(__file__).with_name("released")


def open_model(folder: Path) -> FaultModel:
    """Raises ``ArtifactError`` for an artifact that was changed, is another's, or answers otherwise than recorded."""
    model = FaultModel(open_artifact(folder, name=NAME, schema_fingerprint=schema_fingerprint()))
    model.prove()
    return model
