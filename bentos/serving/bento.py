"""Our server inside BentoML: `bentoml serve`, build, health, metrics and docs stay as they are."""

from __future__ import annotations

from _bentoml_sdk import Service

from bentos.serving import listener, protocol
from bentos.serving.server import Asgi, Knobs, Server


class HotService(Service):
    """A BentoML service whose ASGI application is a ``Server`` around BentoML's own."""

    server: Server

    def to_asgi(self, is_main: bool = True) -> Asgi:
        """Called once in each worker, before the service's class is instantiated."""
        protocol.install()
        knobs = Knobs()
        if knobs.inference_socket is not None:
            listener.install(knobs.inference_socket)
        self.server = Server(super().to_asgi(is_main), knobs)
        return self.server
