"""A unit's window as the network sees it, for callers who prepare it themselves:
``locust -f loadtests/window.py --headless --host http://127.0.0.1:8080 --profile short``."""

from __future__ import annotations

import json
from itertools import cycle

from loadtests.questions import windows
from loadtests.session import Schedule
from loadtests.users import Caller, ClosedLoop, OpenLoop, Telling

__all__ = ["Callers", "Schedule", "Scheduled"]


class Window(Caller):
    """One window goes out; hazards, type and severity come back."""

    abstract = True

    def prepare(self) -> None:
        """How long and wide a window is, the model says."""
        described = self.client.get("/v2/models/fault", headers=self.headers, name="metadata")
        _, steps, width = json.loads(described.content or b"{}")["inputs"][0]["shape"]
        self.asked = windows(steps, width)
        self.bodies = cycle(self.dice.sample(self.asked.bodies, len(self.asked.bodies)))

    def story(self, telling: Telling) -> None:
        """One request."""
        telling.ask("POST", self.asked.path, "window", next(self.bodies), self.asked.holds)


class Scheduled(Window, OpenLoop):
    """Whenever one is due."""


class Callers(Window, ClosedLoop):
    """Each waits for his answer."""
