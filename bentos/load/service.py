"""The load model behind HTTP: the typed question at ``/forecast``, raw tensors at ``/v2/models/load``; and below
``/forecast/`` the models that were fitted for callers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import bentoml

from bentos.load.fitted import Fitted
from bentos.load.model import NAME, LoadModel
from bentos.load.repository import RELEASED, open_model
from bentos.load.schema import Answer, Question
from bentos.registry import models_folder
from bentos.serving.bento import Door, HotService, Served
from bentos.serving.following import Following
from bentos.serving.hosting import Hosting
from bentos.serving.messages import Reply, Request, allow
from bentos.serving.repository import Stored, stored_tag
from bentos.serving.server import Server


class LoadDoor:
    """The load model's part of a server. The registry's current version answers, without a registry the bento's."""

    def __init__(self, server: Server, hosting: Hosting, carried: Path) -> None:
        self._server, self._hosting = server, hosting
        self.repository = Stored(NAME, open_model, carried)

    async def open(self) -> None:
        """Load what is current, follow it, and open the short ways in."""
        self._watching = await Following(self._hosting, self.repository.current, open_model).start()
        limits = self._server.knobs.limits
        self._server.routes["/forecast"] = self.forecast
        self._server.prefixes["forecast"] = Fitted(models_folder(), self._hosting.desk(NAME).cost_s, limits)

    async def forecast(self, request: Request) -> Reply:
        """Before BentoML's middlewares, and refused before any work where the deadline cannot be kept."""
        allow(request, "POST")
        return await self._hosting.desk(NAME).ask(request)

    @property
    def model(self) -> LoadModel:
        """The version that answers now."""
        return cast(LoadModel, self._hosting.find(NAME).model)


class LoadApi(Served):
    """Its typed questions; to be served alone or beside another model."""

    load_stored = bentoml.models.BentoModel(stored_tag(NAME, RELEASED))

    def doors(self, server: Server, hosting: Hosting) -> Sequence[Door]:
        self.load = LoadDoor(server, hosting, Path(self.load_stored.path_of("artifact")))
        return [self.load, *super().doors(server, hosting)]

    @bentoml.api(route="/forecast")
    async def forecast(self, question: Question, /) -> Answer:
        """A month of daily load and its ten peak days."""
        return await asyncio.to_thread(self.load.model.answer, question)


@bentoml.service(name="load", service_class=HotService)
class LoadService(LoadApi):
    """One process, the load model."""
