"""The load model as it is opened, and the one that is released with the code."""

from __future__ import annotations

from pathlib import Path

from bentos.artifact import open_artifact
from bentos.load.model import NAME, LoadModel, schema_fingerprint

RELEASED = Path(__file__).with_name("released")


def open_model(folder: Path, name: str = NAME, version: str | None = None) -> LoadModel:
    """Raises ``ArtifactError`` for an artifact that was changed, is another's, or answers otherwise than recorded."""
    model = LoadModel(open_artifact(folder, name=name, version=version, schema_fingerprint=schema_fingerprint()))
    model.prove()
    return model
