"""The load model behind HTTP, both ways in: the typed question at ``/forecast``, raw tensors at ``/v2/models/load``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import bentoml
import numpy as np
from pydantic import ValidationError

from bentos.artifact import ArtifactError
from bentos.load.calendar import RegionError
from bentos.load.model import NAME, LoadModel, Prepared
from bentos.load.repository import LoadRepository, open_model, stored_tag
from bentos.load.schema import Answer, Question
from bentos.serving.bento import HotService
from bentos.serving.hosting import Hosting, whole
from bentos.serving.messages import Reply, Request, timings
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
        """The same before BentoML's middlewares: prepared alone, predicted with whoever else asks, finished alone."""
        if request.method != "POST":
            raise Refused(405, "wrong_method", "Send POST.")
        hosted = self.hosting.find(NAME)
        hosted.batcher.check(request.deadline)  # before any work is put into it
        model = cast(LoadModel, hosted.model)
        prepared = await asyncio.to_thread(_prepare, model, request.body)
        if not len(prepared.rows):  # too short a history for the model
            return Reply(200, await asyncio.to_thread(_finish, model, prepared, []))
        served = await hosted.predict(prepared.rows, request.deadline)
        answer = await asyncio.to_thread(_finish, model, prepared, whole(served.results))
        return Reply(200, answer, headers=[(b"server-timing", timings(served))])

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


def _prepare(model: LoadModel, body: bytes) -> Prepared:
    try:
        return model.prepare(Question.model_validate_json(body))
    except ValidationError as wrong:
        raise _refused(wrong) from None
    except RegionError as unknown:
        raise Refused(422, "region_unknown", str(unknown)) from None


def _refused(wrong: ValidationError) -> Refused:
    """400 for what is no JSON, 422 for what is well-formed but impossible; a place and a word for each fault."""
    found = wrong.errors(include_url=False, include_input=False, include_context=False)[:50]
    errors = [{"pointer": "".join(f"/{p}" for p in e["loc"]), "code": e["type"], "message": e["msg"]} for e in found]
    status = 400 if found[0]["type"] == "json_invalid" else 422
    return Refused(status, found[0]["type"], f"{found[0]['msg']} ({errors[0]['pointer'] or 'the whole'})", errors)


def _finish(model: LoadModel, prepared: Prepared, results: Sequence[Any]) -> bytes:
    corrections = list(np.array(results, dtype=float).T)
    return model.finish(prepared, corrections).model_dump_json().encode()
