"""The load model behind HTTP: the typed question at ``/forecast``, raw tensors at ``/v2/models/load``; and below
``/forecast/`` the models that were fitted for callers."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import cast

import bentoml

from bentos.artifact import ArtifactError
from bentos.load.fitted import Fitted
from bentos.load.model import NAME, LoadModel
from bentos.load.repository import LoadRepository, open_model, stored_tag
from bentos.load.schema import Answer, Question
from bentos.registry import models_folder
from bentos.serving.bento import HotService
from bentos.serving.hosting import Hosting
from bentos.serving.messages import Reply, Request
from bentos.serving.metrics import exposition
from bentos.serving.problems import Refused

WATCH_S = 1.0  # between looks at which version is current
log = logging.getLogger("forewatt.load")


@bentoml.service(name="load", service_class=HotService)
class LoadService:
    """One process, the load model. The registry's current version answers, without a registry the one in the bento."""

    stored = bentoml.models.BentoModel(stored_tag())
    bento_service: HotService

    @bentoml.on_startup
    async def host(self) -> None:
        """Load the model, measure its cost, and open the short ways in."""
        server = self.bento_service.server
        self.repository = LoadRepository(Path(self.stored.path_of("artifact")))
        self.hosting = Hosting(server.knobs.limits)
        self.folder = self.repository.current()
        await self.hosting.load(await asyncio.to_thread(open_model, self.folder))
        server.routes["/forecast"] = self.hot_forecast
        server.prefixes["forecast"] = Fitted(models_folder(), self.hosting.desk(NAME).cost_s, server.knobs.limits)
        self.watching = asyncio.create_task(self.watch())
        server.open(self.hosting, self.repository)

    async def watch(self) -> None:
        """Follow the registry: a version made current there answers here, a broken one changes nothing."""
        while True:
            await asyncio.sleep(WATCH_S)
            try:
                folder = self.repository.current()
                if folder != self.folder:
                    self.folder = folder
                    await self.hosting.load(await asyncio.to_thread(open_model, folder))
            except ArtifactError as broken:
                log.error("the registry's current version is not loaded: %s", broken)
            except Exception:
                log.exception("the registry's current version is not loaded")

    @bentoml.api(route="/forecast")
    async def forecast(self, question: Question, /) -> Answer:
        """A month of daily load and its ten peak days."""
        return await asyncio.to_thread(self.model.answer, question)

    async def hot_forecast(self, request: Request) -> Reply:
        """The same before BentoML's middlewares, and refused before any work where the deadline cannot be kept."""
        if request.method != "POST":
            raise Refused(405, "wrong_method", "Send POST.")
        return await self.hosting.desk(NAME).ask(request)

    @property
    def model(self) -> LoadModel:
        """The version that answers now."""
        return cast(LoadModel, self.hosting.find(NAME).model)

    def __is_ready__(self) -> bool:
        """A version is loaded: it has answered its golden question and its cost is known."""
        return bool(self.hosting.names())

    def __metrics__(self, bentos: str) -> str:
        """BentoML's own and ours."""
        return bentos + exposition()
