"""Where the fault model comes from: the registry, else the bento, else what is released with the code, else nowhere."""

from __future__ import annotations

from pathlib import Path

import yaml

from bentos.artifact import ArtifactError, open_artifact
from bentos.fault.model import NAME, FaultModel, schema_fingerprint
from bentos.registry import current, fill_bento_store, models_folder, versions
from bentos.serving.problems import Refused

RELEASED = Path(__file__).with_name("released")
BENTO = Path(__file__).parents[3] / "bento.yaml"  # stands there in a bento, whose sources lie in src/


def stored_tag() -> str | None:
    """The model that a bento carries: written in it, or while it is built the registry's current, else the released."""
    if BENTO.is_file():
        services = yaml.safe_load(BENTO.read_text())["services"]
        carried = [str(model["tag"]) for service in services for model in service["models"]]
        return next((tag for tag in carried if tag.startswith(f"{NAME}:")), None)
    folder = current(models_folder(), NAME) or (RELEASED if RELEASED.is_dir() else None)
    return fill_bento_store(folder) if folder else None


def open_model(folder: Path) -> FaultModel:
    """Raises ``ArtifactError`` for an artifact that was changed, is another's, or answers otherwise than recorded."""
    model = FaultModel(open_artifact(folder, name=NAME, schema_fingerprint=schema_fingerprint()))
    model.prove()
    return model


class FaultRepository:
    """The registry's versions of the fault model, and the one that the bento carries, if it carries one."""

    def __init__(self, carried: Path | None) -> None:
        self._models, self._carried = models_folder(), carried

    def index(self) -> list[tuple[str, str]]:
        """Name and version of what the registry holds."""
        return [(NAME, version) for version in versions(self._models, NAME)]

    def current(self) -> Path | None:
        """The folder of the version that should answer. Raises ``ArtifactError`` where it is not there."""
        return current(self._models, NAME) or self._carried

    def open(self, name: str, version: str | None) -> FaultModel:
        """Opened and proved by its golden question. Raises ``Refused`` 404 or 409."""
        folder = self._models / NAME / version if version and (name, version) in self.index() else None
        if name == NAME and not version:
            folder = self.current()
        if folder is None:
            raise Refused(404, "no_model", "The registry does not have it. POST v2/repository/index lists what it has.")
        try:
            return open_model(folder)
        except ArtifactError as broken:
            raise Refused(409, "broken_model", str(broken)) from broken
