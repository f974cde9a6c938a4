"""The fault model behind HTTP: the typed question at ``/diagnose``, raw tensors at ``/v2/models/fault``; and at
``/diagnose/reference`` what a unit looks like when healthy."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import bentoml

from bentos.fault.model import NAME, FaultModel, reference_answer, reference_for
from bentos.fault.repository import RELEASED, open_model
from bentos.fault.schema import Answer, HealthyPeriod, Question, ReferenceAnswer
from bentos.serving.bento import Door, HotService, Served
from bentos.serving.desk import Clerk, Desk
from bentos.serving.following import Following
from bentos.serving.hosting import Hosting
from bentos.serving.messages import Reply, Request, allow
from bentos.serving.repository import Stored, stored_tag
from bentos.serving.server import Server

REFERENCE_S = 0.3  # what a reference is expected to cost before the first was made
TAG = stored_tag(NAME, RELEASED)


class FaultDoor:
    """The fault model's part of a server. Without a version there it still starts, and answers 404."""

    def __init__(self, server: Server, hosting: Hosting, carried: Path | None) -> None:
        self._server, self._hosting = server, hosting
        self.repository = Stored(NAME, open_model, carried)

    async def open(self) -> None:
        """Load what is current, follow it, and open the short ways in."""
        following = Following(self._hosting, self.repository.current, open_model)
        self._references = Desk(Clerk(reference_answer), REFERENCE_S, self._server.knobs.limits)
        self._watching = await following.start()
        self._server.routes |= {"/diagnose": self.diagnose, "/diagnose/reference": self.reference}

    async def diagnose(self, request: Request) -> Reply:
        """Before BentoML's middlewares, and refused before any work where the deadline cannot be kept."""
        allow(request, "POST")
        return await self._hosting.desk(NAME).ask(request)

    async def reference(self, request: Request) -> Reply:
        """A unit's reference from a healthy period."""
        allow(request, "POST")
        return await self._references.ask(request)

    @property
    def model(self) -> FaultModel:
        """The version that answers now. Raises ``Refused`` 404."""
        return cast(FaultModel, self._hosting.find(NAME).model)


class FaultApi(Served):
    """Its typed questions; to be served alone or beside another model."""

    fault_stored = bentoml.models.BentoModel(TAG) if TAG else None

    def doors(self, server: Server, hosting: Hosting) -> Sequence[Door]:
        carried = Path(self.fault_stored.path_of("artifact")) if self.fault_stored else None
        self.fault = FaultDoor(server, hosting, carried)
        return [self.fault, *super().doors(server, hosting)]

    @bentoml.api(route="/diagnose")
    async def diagnose(self, question: Question, /) -> Answer:
        """What is likely to go wrong with a unit, when, and what to do."""
        return await asyncio.to_thread(self.fault.model.answer, question)

    @bentoml.api(route="/diagnose/reference")
    async def reference(self, period: HealthyPeriod, /) -> ReferenceAnswer:
        """What a unit looks like when healthy, to be sent with every question about it."""
        return await asyncio.to_thread(reference_for, period)


@bentoml.service(name="fault", service_class=HotService)
class FaultService(FaultApi):
    """One process, the fault model."""
