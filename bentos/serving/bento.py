"""Our server inside BentoML: `bentoml serve`, build, health, metrics and docs stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import bentoml
from _bentoml_sdk import Service

from bentos.serving import listener, protocol
from bentos.serving.following import Together
from bentos.serving.hosting import Hosting
from bentos.serving.metrics import exposition
from bentos.serving.openinference import Repository
from bentos.serving.server import Asgi, Knobs, Server


class HotService(Service):
    """A BentoML service whose ASGI application is a ``Server`` around BentoML's own."""

    server: Server

    def to_asgi(self, is_main: bool = True) -> Asgi:
        """Called once in each worker, before the service's class is instantiated."""
        protocol.install()
        knobs = Knobs()
        listener.install(knobs.inference_socket)
        self.server = Server(super().to_asgi(is_main), knobs)
        return self.server


class Door(Protocol):
    """One model's part of a server."""

    @property
    def repository(self) -> Repository: ...

    async def open(self) -> None:
        """Load the model and open the short ways in."""
        ...


class Served:
    """What every service of ours does, whichever models it has; a subclass adds a door for each."""

    bento_service: HotService

    def doors(self, server: Server, hosting: Hosting) -> Sequence[Door]:
        """The models' parts, to be opened in this order."""
        return []

    @bentoml.on_startup
    async def host(self) -> None:
        """Load the models, measure their cost, and open the short ways in."""
        server = self.bento_service.server
        self.hosting = Hosting(server.knobs.limits)
        doors = self.doors(server, self.hosting)
        for door in doors:
            await door.open()
        server.open(self.hosting, Together([door.repository for door in doors]))

    def __is_ready__(self) -> bool:
        """A version is loaded: it has answered its golden question and its cost is known."""
        return bool(self.hosting.names())

    def __metrics__(self, bentos: str) -> str:
        """BentoML's own and ours."""
        return bentos + exposition()
