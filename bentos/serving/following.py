"""A version made current in the registry answers here soon after; a broken one changes nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from bentos.artifact import ArtifactError
from bentos.serving.hosting import Hosting, Servable
from bentos.serving.openinference import Repository
from bentos.serving.problems import Refused

WATCH_S = 1.0  # between looks at which version is current
log = logging.getLogger("forewatt.registry")


class Following:
    """``current`` says which folder should answer, none for no model; ``open_model`` opens and proves it."""

    def __init__(
        self, hosting: Hosting, current: Callable[[], Path | None], open_model: Callable[[Path], Servable]
    ) -> None:
        self._hosting, self._current, self._open = hosting, current, open_model
        self._folder: Path | None = None

    async def start(self) -> asyncio.Task[None]:
        """Load what is current and follow it from then on. Raises ``ArtifactError`` for a first one that is broken."""
        await self._look()
        return asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            try:
                await self._look()
            except ArtifactError as broken:
                log.error("the registry's current version is not loaded: %s", broken)
            except Exception:
                log.exception("the registry's current version is not loaded")

    async def _look(self) -> None:
        folder = self._current()
        if folder is None or folder == self._folder:
            return
        self._folder = folder  # a broken one is said once
        await self._hosting.load(await asyncio.to_thread(self._open, folder))


class Together:
    """Several repositories as one; each knows its own names."""

    def __init__(self, repositories: Sequence[Repository]) -> None:
        self._repositories = repositories

    def index(self) -> list[tuple[str, str]]:
        return [entry for repository in self._repositories for entry in repository.index()]

    def open(self, name: str, version: str | None) -> Servable:
        """Raises ``Refused`` 404 where none has it."""
        missing: Refused | None = None
        for repository in self._repositories:
            try:
                return repository.open(name, version)
            except Refused as refused:
                if refused.status != 404:
                    raise
                missing = refused
        raise missing or Refused(404, "no_model", "There is no registry.")
