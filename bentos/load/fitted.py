"""Models that were fitted for callers, at ``/forecast/<name>`` and ``/forecast/<name>/<version>``: opened from the
registry when they are asked.

They are no part of ``/v2``, which a gateway passes through for every caller: whose a model is, the gateway alone knows.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from bentos.artifact import VERSION, ArtifactError
from bentos.load.model import FITTED, LoadModel
from bentos.load.repository import open_model
from bentos.registry import current
from bentos.serving.contract import Limits
from bentos.serving.desk import Clerk, Desk
from bentos.serving.messages import Reply, Request, allow
from bentos.serving.metrics import COUNTS, Counted
from bentos.serving.problems import Refused
from bentos.serving.shelf import Shelf

PATH = re.compile(rf"/forecast/(?P<name>{FITTED})(/(?P<version>{VERSION}))?")
ALL = ("fitted", "all", "questions")  # as they are counted: a caller's model is no label

Asked = tuple[LoadModel, bytes]


class Fitted:
    """Answers everything below ``/forecast/``; ``cost_s`` is what a question should cost, one thread answers all."""

    def __init__(self, models: Path, cost_s: float, limits: Limits) -> None:
        self._models = models
        self._shelf: Shelf[Path, LoadModel] = Shelf(_opened)
        clerk: Clerk[Asked] = Clerk(lambda asked: asked[0].respond(asked[1]))
        counted = Counted(ALL, lambda: self._desk.waiting)
        self._desk = Desk(clerk, cost_s, limits, counted)
        COUNTS.add(counted)

    async def __call__(self, request: Request) -> Reply:
        """The named version's answer, or the current one's. Raises ``Shed``, and ``Refused`` 404, 405 or 409."""
        asked = PATH.fullmatch(request.path)
        if asked is None:
            raise _unknown(request.path)
        allow(request, "POST")
        self._desk.check(request.deadline)
        folder = await asyncio.to_thread(self._folder, asked["name"], asked["version"])
        model = await self._shelf.take(folder, request.deadline)
        return await self._desk.answer((model, request.body), request)

    def _folder(self, name: str, version: str | None) -> Path:
        """Looked up for every question, so that a version made current answers the next one."""
        try:
            folder = self._models / name / version if version else current(self._models, name)
        except ArtifactError as broken:
            raise Refused(409, "broken_model", str(broken)) from broken
        if folder is None or not folder.is_dir():
            raise _unknown(f"/forecast/{name}" + (f"/{version}" if version else ""))
        return folder


def _opened(folder: Path) -> LoadModel:
    try:
        return open_model(folder, folder.parent.name, folder.name)
    except ArtifactError as broken:
        raise Refused(409, "broken_model", str(broken)) from broken


def _unknown(path: str) -> Refused:
    return Refused(404, "no_model", f"The registry has no model for {path[:200]}. Fit one, or POST to /forecast.")
