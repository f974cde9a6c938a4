"""The Open Inference Protocol v2 over the batcher, with Triton's model repository extension.

https://github.com/kserve/open-inference-protocol; errors carry both the protocol's ``error`` and RFC 9457's members.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.metadata import version as installed
from typing import Protocol

import orjson

from bentos.serving.hosting import Hosting, Servable
from bentos.serving.inference import answered, understood
from bentos.serving.messages import JSON, Reply, Request, allow
from bentos.serving.problems import Refused

EXTENSIONS = ["binary_tensor_data", "model_repository", "model_repository(unload_dependents)"]


class Repository(Protocol):
    """Where models are loaded from."""

    def index(self) -> list[tuple[str, str]]:
        """Name and version of everything that could be loaded."""
        ...

    def open(self, name: str, version: str | None) -> Servable:
        """The named version, or the current one; blocks. Raises ``Refused``."""
        ...


@lru_cache(maxsize=256)
def _segments(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part)[1:]


class OpenInference:
    """Answers everything below ``/v2``."""

    def __init__(self, hosting: Hosting, repository: Repository, ready: Callable[[], bool]) -> None:
        self._hosting, self._repository, self._ready = hosting, repository, ready

    async def __call__(self, request: Request) -> Reply:
        """Raises ``Refused`` for an unknown path or method, and for what the request asks."""
        match _segments(request.path):
            case ("models", name, *rest):
                return await self._of_model(request, name, rest)
            case ("repository", *rest):
                return await self._of_repository(request, rest)
            case segments:
                return self._of_server(request, segments)

    async def _of_model(self, request: Request, name: str, rest: Sequence[str]) -> Reply:
        version = None
        if len(rest) > 1 and rest[0] == "versions":
            version, rest = rest[1], rest[2:]
        if rest == ["infer"]:
            allow(request, "POST")
            return await self._infer(request, name, version)
        allow(request, "GET")
        model = self._hosting.find(name, version).model
        if rest == ["ready"]:
            return _json({"name": name, "ready": self._ready()}, 200 if self._ready() else 503)
        if rest:
            raise _no_path(request)
        return _json(
            {
                "name": name,
                "versions": self._hosting.versions(name),
                "platform": model.platform,
                "inputs": [model.input.described()],
                "outputs": [spec.described() for spec in model.outputs],
            }
        )

    async def _of_repository(self, request: Request, rest: Sequence[str]) -> Reply:
        allow(request, "POST")
        match rest:
            case ["index"]:
                return self._index()
            case ["models", name, "load"]:
                return await self._load(request, name)
            case ["models", name, "unload"]:
                self._hosting.unload(name)
                return _json({"name": name})
        raise _no_path(request)

    def _of_server(self, request: Request, segments: Sequence[str]) -> Reply:
        allow(request, "GET")
        match segments:
            case ():
                return _json({"name": "forewatt", "version": installed("forewatt"), "extensions": EXTENSIONS})
            case ("health", "live"):
                return _json({"live": True})
            case ("health", "ready"):
                return _json({"live": True, "ready": self._ready()}, 200 if self._ready() else 503)
        raise _no_path(request)

    async def _infer(self, request: Request, name: str, version: str | None) -> Reply:
        hosted = self._hosting.find(name, version)
        hosted.batcher.check(request.deadline)
        question = understood(hosted, request.headers, request.body)
        return answered(question, await hosted.predict(question.rows, request.deadline))

    def _index(self) -> Reply:
        loaded = {(name, version) for name in self._hosting.names() for version in self._hosting.versions(name)}
        known = sorted(loaded | set(self._repository.index()))
        states = [
            {"name": name, "version": version, "state": "READY" if (name, version) in loaded else "UNAVAILABLE"}
            for name, version in known
        ]
        return _json(states)

    async def _load(self, request: Request, name: str) -> Reply:
        model = await asyncio.to_thread(self._repository.open, name, _version_wanted(request))
        await self._hosting.load(model)
        return _json({"name": name, "version": model.version})


def _json(said: object, status: int = 200) -> Reply:
    return Reply(status, orjson.dumps(said), JSON, [])


def _no_path(request: Request) -> Refused:
    return Refused(404, "no_path", f"There is no {request.path[:200]}. GET /v2 says what this server speaks.")


def _version_wanted(request: Request) -> str | None:
    if not request.body.strip():
        return None
    try:
        said = orjson.loads(request.body)
        found = said.get("parameters", {}).get("version")
    except (orjson.JSONDecodeError, AttributeError):
        raise Refused(400, "not_json", 'Send nothing, or {"parameters": {"version": "…"}}.') from None
    return None if found is None else str(found)
