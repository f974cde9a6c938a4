"""Where the load model comes from: the registry, else the bento, else what is released with the code."""

from __future__ import annotations

from pathlib import Path

import yaml

from bentos.artifact import ArtifactError, open_artifact
from bentos.load.model import NAME, LoadModel, schema_fingerprint
from bentos.registry import current, fill_bento_store, models_folder, versions
from bentos.serving.problems import Refused

RELEASED = Path(__file__).with_name("released")
BENTO = Path(__file__).parents[3] / "bento.yaml"  # stands there in a bento, whose sources lie in src/


def stored_tag() -> str:
    """The model that a bento carries: written in it, or while it is built the registry's current, else the released."""
    if BENTO.is_file():
        services = yaml.safe_load(BENTO.read_text())["services"]
        carried = [str(model["tag"]) for service in services for model in service["models"]]
        return next(tag for tag in carried if tag.startswith(f"{NAME}:"))
    return fill_bento_store(current(models_folder(), NAME) or RELEASED)


def open_model(folder: Path, name: str = NAME, version: str | None = None) -> LoadModel:
    """Raises ``ArtifactError`` for an artifact that was changed, is another's, or answers otherwise than recorded."""
    model = LoadModel(open_artifact(folder, name=name, version=version, schema_fingerprint=schema_fingerprint()))
    model.prove()
    return model


class LoadRepository:
    """The registry's versions of the load model, and the one that the bento carries."""

    def __init__(self, carried: Path) -> None:
        self._models, self._carried = models_folder(), carried

    def index(self) -> list[tuple[str, str]]:
        """Name and version of what the registry holds."""
        return [(NAME, version) for version in versions(self._models, NAME)]

    def current(self) -> Path:
        """The folder of the version that should answer. Raises ``ArtifactError`` where it is not there."""
        return current(self._models, NAME) or self._carried

    def open(self, name: str, version: str | None) -> LoadModel:
        """Opened and proved by its golden question. Raises ``Refused`` 404 or 409."""
        if name != NAME or (version and (NAME, version) not in self.index()):
            raise Refused(404, "no_model", "The registry does not have it. POST v2/repository/index lists what it has.")
        try:
            return open_model(self._models / NAME / version if version else self.current())
        except ArtifactError as broken:
            raise Refused(409, "broken_model", str(broken)) from broken
