"""What can go wrong for a caller."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx


class ProblemError(Exception):
    """A refusal (RFC 9457): ``status``, ``type`` for machines, ``errors`` where something is wrong in detail."""

    def __init__(self, response: httpx.Response) -> None:
        try:
            said = response.json()
        except ValueError:
            said = None
        document: dict[str, Any] = said if isinstance(said, dict) else {}
        self.status = response.status_code
        self.type = str(document.get("type", "about:blank"))
        self.detail = str(document.get("detail") or f"The server answered {self.status} and gave no reason.")
        self.errors: list[dict[str, Any]] = document.get("errors") or []
        self.trace_id: str | None = document.get("trace_id")
        super().__init__(f"{self.status}: {self.detail}")


class UnreachableError(Exception):
    """Nobody answered, however often it was tried."""


class TaskFailedError(Exception):
    """A task has ended without a result; ``code`` for machines, ``detail`` says what to do."""

    def __init__(self, task: UUID, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.task, self.code, self.detail = task, code, detail
