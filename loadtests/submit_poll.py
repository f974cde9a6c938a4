"""Long work: a month is ordered, asked after as often as the server says, and read when it is there.

``locust -f loadtests/submit_poll.py --headless --host http://127.0.0.1:8080 --profile short``
"""

from __future__ import annotations

import json
from time import perf_counter
from typing import Any

import gevent

from loadtests.session import Schedule
from loadtests.users import Caller, ClosedLoop, OpenLoop, Telling

__all__ = ["Callers", "Schedule", "Scheduled"]

SUBMIT = "/api/forecast/submit"
ORDER = json.dumps({"year": 2024, "month": 5, "modelType": "RandomForestRegressor"}).encode()
POLL_S = 1.0  # where the server does not say


class Order(Caller):
    """Submitted, polled to the end; patient until the story's deadline."""

    abstract = True

    def story(self, telling: Telling) -> None:
        """COMPLETED is well, FAILED and an end that does not come are not."""
        submitted = telling.ask("POST", SUBMIT, "submit", ORDER, b'"taskId"')
        result = submitted.headers.get("location", "") if telling.well else ""
        wait_s = 0.0
        while telling.well and perf_counter() + wait_s < telling.due + self.deadline_s:
            gevent.sleep(wait_s)
            polled = telling.ask("GET", result, "poll", holds=b'"status"')
            state = _said(polled).get("status")
            if state == "COMPLETED":
                return
            if state == "FAILED":
                telling.suffer("broken", "FAILED")
            after = polled.headers.get("retry-after", "")
            wait_s = float(after) if after.isdigit() else POLL_S
        if telling.well:
            telling.suffer("timeout", "never COMPLETED")


class Scheduled(Order, OpenLoop):
    """Whenever one is due."""


class Callers(Order, ClosedLoop):
    """Each waits for his month."""


def _said(response: Any) -> dict[str, Any]:  # noqa: ANN401 - Locust's, which has no types
    try:
        said = json.loads(response.content or b"")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
