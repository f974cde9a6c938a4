"""Where a model comes from: the registry, else the bento, else what is released with the code, else nowhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import yaml

from bentos.artifact import ArtifactError
from bentos.registry import current, fill_bento_store, models_folder, versions
from bentos.serving.hosting import Servable
from bentos.serving.problems import Refused

BENTO = Path(__file__).parents[3] / "bento.yaml"  # stands there in a bento, whose sources lie in src/

Opened = TypeVar("Opened", bound=Servable)


def stored_tag(name: str, released: Path) -> str | None:
    """The model that a bento carries: written in it, or while it is built the registry's current, else the released."""
    if BENTO.is_file():
        services = yaml.safe_load(BENTO.read_text())["services"]
        carried = [str(model["tag"]) for service in services for model in service["models"]]
        return next((tag for tag in carried if tag.startswith(f"{name}:")), None)
    folder = current(models_folder(), name) or (released if released.is_dir() else None)
    return fill_bento_store(folder) if folder else None


class Stored(Generic[Opened]):
    """The registry's versions of one model, and the one that the bento carries, if it carries one.

    ``open_model`` opens a version's folder and proves it by its golden question, or raises ``ArtifactError``.
    """

    def __init__(self, name: str, open_model: Callable[[Path], Opened], carried: Path | None) -> None:
        self._name, self._open, self._carried = name, open_model, carried
        self._models = models_folder()

    def index(self) -> list[tuple[str, str]]:
        """Name and version of what the registry holds."""
        return [(self._name, version) for version in versions(self._models, self._name)]

    def current(self) -> Path | None:
        """The folder of the version that should answer. Raises ``ArtifactError`` where it is not there."""
        return current(self._models, self._name) or self._carried

    def open(self, name: str, version: str | None) -> Opened:
        """Opened and proved. Raises ``Refused`` 404 or 409."""
        try:
            folder = self._folder(name, version)
            if folder is not None:
                return self._open(folder)
        except ArtifactError as broken:
            raise Refused(409, "broken_model", str(broken)) from broken
        raise Refused(404, "no_model", "The registry does not have it. POST v2/repository/index lists what it has.")

    def _folder(self, name: str, version: str | None) -> Path | None:
        if name != self._name:
            return None
        if not version:
            return self.current()
        return self._models / name / version if (name, version) in self.index() else None
