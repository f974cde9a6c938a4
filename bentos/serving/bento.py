"""Our server inside BentoML: `bentoml serve`, build, health, metrics and docs stay as they are."""

from __future__ import annotations

from _bentoml_sdk import Service

from bentos.serving import protocol
from bentos.serving.server import Asgi, Knobs, Server


class HotService(Service):
    """A BentoML service whose ASGI application is a ``Server`` around BentoML's own."""

    server: Server

    def to_asgi(self, is_main: bool = True) -> Asgi:
        """Called once in each worker, before the service's class is instantiated."""
        protocol.install()
        self.server = Server(super().to_asgi(is_main), Knobs())
        return self.server
