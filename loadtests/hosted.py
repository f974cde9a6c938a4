"""A single model behind our inference server, as the load tests serve it: no registry, everything else as released."""

from __future__ import annotations

from bentos.serving.hosting import Hosting, Servable
from bentos.serving.openinference import Repository
from bentos.serving.problems import Refused
from bentos.serving.server import Server


class NoRepository:
    """Nothing else can be loaded."""

    def index(self) -> list[tuple[str, str]]:
        return []

    def open(self, name: str, version: str | None) -> Servable:
        raise Refused(404, "no_model", f"There is no other model here; {name!r} {version or ''} cannot be loaded.")


async def host(server: Server, model: Servable, others: Repository | None = None) -> None:
    """Measure the model's cost and let it answer; ``others`` is where more can be loaded from."""
    hosting = Hosting(server.knobs.limits)
    await hosting.load(model)
    server.open(hosting, others or NoRepository())
