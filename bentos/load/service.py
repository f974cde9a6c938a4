"""The load model behind HTTP: ``POST /forecast``; ready when it has answered its golden question."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

import anyio
import bentoml
import yaml
from bentoml.exceptions import BentoMLException

from bentos.artifact import open_artifact
from bentos.load.calendar import RegionError
from bentos.load.model import NAME, LoadModel, schema_fingerprint
from bentos.load.schema import Answer, Question
from bentos.registry import current, fill_bento_store, models_folder

RELEASED = Path(__file__).with_name("released")
BENTO = Path(__file__).parents[3] / "bento.yaml"  # stands there in a bento, whose sources lie in src/


class RefusedError(BentoMLException):
    """The question is well-formed but nobody can answer it."""

    error_code = HTTPStatus.UNPROCESSABLE_ENTITY


def stored_tag() -> str:
    """The model that a bento carries: written in it, or while it is built the registry's current, else the released."""
    if BENTO.is_file():
        services = yaml.safe_load(BENTO.read_text())["services"]
        carried = [str(model["tag"]) for service in services for model in service["models"]]
        return next(tag for tag in carried if tag.startswith(f"{NAME}:"))
    return fill_bento_store(current(models_folder(), NAME) or RELEASED)


@bentoml.service(name="load")
class LoadService:
    """One process, one model. The registry's current version answers, without a registry the one in the bento."""

    stored = bentoml.models.BentoModel(stored_tag())

    def __init__(self) -> None:
        folder = current(models_folder(), NAME) or Path(self.stored.path_of("artifact"))
        artifact = open_artifact(folder, name=NAME, schema_fingerprint=schema_fingerprint())
        self.model = LoadModel(artifact)
        self.model.prove()

    @bentoml.api(route="/forecast")
    async def forecast(self, question: Question, /) -> Answer:
        """A month of daily load and its ten peak days."""
        try:
            return await anyio.to_thread.run_sync(self.model.answer, question)
        except RegionError as unknown:
            raise RefusedError(str(unknown)) from unknown

    def __is_ready__(self) -> bool:
        """Bento asks after ``__init__``, which has no end before the golden question is answered."""
        return True
