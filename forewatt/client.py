"""One connection to a Forewatt gateway: waits and tries again where that is safe, and raises where it is not."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID, uuid4

import httpx

from forewatt.answers import Imported, Measured, Month, Received, Task
from forewatt.problems import ProblemError, TaskFailedError, UnreachableError

LOCAL = "http://127.0.0.1:8080"
PASSES = frozenset((429, 502, 503, 504))  # what may be over a moment later
TRIES = 5
LONGEST_WAIT_S = 30.0
PER_PAGE = 500
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Client:
    """Asks the gateway at ``url`` with a machine's key, or after `login`.

    Without arguments: the address in ``FOREWATT_URL``, else this machine's, and the key in ``FOREWATT_API_KEY``. Each
    method raises `ProblemError` for what the gateway refuses and `UnreachableError` where nobody answers.
    """

    def __init__(self, url: str | None = None, key: str | None = None, timeout_s: float = 60.0) -> None:
        key = key or os.environ.get("FOREWATT_API_KEY")
        headers = {"X-API-Key": key} if key else {}
        self._http = httpx.Client(
            base_url=url or os.environ.get("FOREWATT_URL") or LOCAL, headers=headers, timeout=timeout_s, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def register(self, username: str, password: str, email: str) -> UUID:
        """A new account; its id."""
        body = {"username": username, "password": password, "email": email}
        return UUID(self._send("POST", "/api/auth/register", json=body).json()["userId"])

    def login(self, username: str, password: str) -> None:
        """From here on asks as this account; the token is good for two hours, `refresh` renews it."""
        said = self._send("POST", "/api/auth/login", json={"username": username, "password": password})
        self._http.headers["Authorization"] = f"Bearer {said.json()['token']}"

    def refresh(self) -> None:
        """A new token for the one in use."""
        self._http.headers["Authorization"] = f"Bearer {self._send('POST', '/api/auth/refresh').json()['token']}"

    def logout(self) -> None:
        """The token in use ends."""
        self._send("POST", "/api/auth/logout")
        del self._http.headers["Authorization"]

    def make_key(self, name: str, **options: Any) -> str:  # noqa: ANN401 - a role, expires_in_days
        """A key for a machine, shown this once: after a `login` alone, and for no more than one may oneself."""
        return str(self._send("POST", "/api/v1/keys", json={"name": name, **options}).json()["key"])

    def import_workbook(self, path: str | Path, **options: str) -> Imported:
        """Store the days of an .xlsx; ``mode="partial"`` takes the right rows, ``on_duplicate="replace"`` the newer."""
        path = Path(path)
        with path.open("rb") as book:
            files = {"file": (path.name, book.read(), XLSX)}
        return Imported.model_validate_json(self._send("POST", "/api/data/import", files=files, params=options).content)

    def import_sample(self) -> Imported:
        """Three generated years, to try things with."""
        return Imported.model_validate_json(self._send("POST", "/api/data/sample").content)

    def readings(self, start: date | None = None, end: date | None = None) -> Iterator[Measured]:
        """The stored days from the first to the last, both included, oldest first."""
        page, total = 1, 1
        while (page - 1) * PER_PAGE < total:
            asked = _given(start_date=start, end_date=end, page=page, per_page=PER_PAGE)
            said = self._send("GET", "/api/data/fetchData", params=asked).json()
            yield from (Measured.model_validate(item) for item in said["items"])
            page, total = page + 1, said["total"]

    def export(self, path: str | Path, start: date | None = None, end: date | None = None) -> None:
        """Write the stored days into an .xlsx."""
        asked = _given(start_date=start, end_date=end)
        Path(path).write_bytes(self._send("GET", "/api/data/export", params=asked).content)

    def submit(self, year: int, month: int, model_type: str = "Ensemble", **options: str) -> Task:
        """Order a month from the stored days; `wait` for it. ``options`` such as timezone, country, subdivision."""
        body = {"year": year, "month": month, "modelType": model_type, **options}
        return Task.model_validate_json(self._send("POST", "/api/forecast/submit", json=body).content)

    def task(self, number: UUID) -> Task:
        """How far a task is."""
        return Task.model_validate_json(self._send("GET", f"/api/forecast/result/{number}").content)

    def cancel(self, number: UUID) -> None:
        """End a task before its time."""
        self._send("DELETE", f"/api/v1/tasks/{number}")

    def wait(self, number: UUID, timeout_s: float = 3600.0) -> Month:
        """The month, once it is there. Raises `TaskFailedError` with the reason, and ``TimeoutError``."""
        end, seen, path = time.monotonic() + timeout_s, "", f"/api/forecast/result/{number}"
        while True:
            said = self._send("GET", path, headers={"If-None-Match": seen} if seen else {})
            if said.status_code == 200:
                seen, task = said.headers.get("etag", ""), Task.model_validate_json(said.content)
                if task.status == "COMPLETED" and task.month is not None:
                    return task.month
                if task.status == "FAILED":
                    error = task.error or {}
                    raise TaskFailedError(number, str(error.get("code", "unknown")), str(error.get("detail", "")))
            pause_s = _after(said) or 1.0
            if time.monotonic() + pause_s > end:
                raise TimeoutError(f"task {number} has not ended within {timeout_s:g} s; it goes on")
            time.sleep(pause_s)

    def forecast(self, year: int, month: int, model_type: str = "Ensemble", **options: str) -> Month:
        """Order a month and wait for it."""
        return self.wait(self.submit(year, month, model_type, **options).id)

    def ask(self, series: Sequence[Mapping[str, Any]], **options: Any) -> Month:  # noqa: ANN401 - a question's fields
        """The month after a history that is sent along, a row a day: date, load and, where known, the weather."""
        said = self._send("POST", "/api/v1/forecasts", json={"series": list(series), **options})
        return Month.model_validate_json(said.content)

    def send_readings(self, records: Sequence[Mapping[str, Any]]) -> Received:
        """Store readings of units: each a unit_id and point, or a series, with at, value and perhaps uom."""
        return Received.model_validate_json(self._send("POST", "/api/v1/telemetry", json=list(records)).content)

    def _send(self, method: str, path: str, **what: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        """Until there is an answer. A POST carries a key of its own, so that its second try is not a second order."""
        request = self._http.build_request(method, path, **what)
        if method == "POST":
            request.headers.setdefault("Idempotency-Key", str(uuid4()))
        for tried in range(1, TRIES + 1):
            try:
                response = self._http.send(request)
            except httpx.TransportError as broken:
                if tried == TRIES:
                    raise UnreachableError(f"{self._http.base_url} does not answer: {broken}") from broken
                time.sleep(_pause_s(tried))
                continue
            if response.is_success or response.status_code == 304:
                return response
            if response.status_code not in PASSES or tried == TRIES:
                raise ProblemError(response)
            time.sleep(_after(response) or _pause_s(tried))
        raise AssertionError("the last try returns or raises")


def _after(response: httpx.Response) -> float:
    """What the server asks to wait; 0 where it does not say."""
    said = response.headers.get("retry-after", "")
    return min(float(said), LONGEST_WAIT_S) if said.isdigit() else 0.0


def _pause_s(tried: int) -> float:
    """Twice as long each time, and never quite the same as others'."""
    return float(0.25 * 2**tried * random.uniform(0.5, 1.0))  # noqa: S311 - jitter is no secret


def _given(**values: object) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value is not None}
