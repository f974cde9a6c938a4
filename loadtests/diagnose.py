"""Units of a fleet: ``locust -f loadtests/diagnose.py --headless --host http://127.0.0.1:8080 --profile short``."""

from __future__ import annotations

import json
from itertools import cycle

from loadtests.questions import diagnoses
from loadtests.session import Schedule
from loadtests.units import encoded, healthy_period
from loadtests.users import Caller, ClosedLoop, OpenLoop, Telling

__all__ = ["Callers", "Schedule", "Scheduled"]


class Unit(Caller):
    """Its last 72 hours go out, what is wrong with it comes back."""

    abstract = True

    def prepare(self) -> None:
        """The unit's reference is asked for once; every caller begins with another unit."""
        made = self.client.post(
            "/api/v1/diagnoses/reference", data=encoded(healthy_period()), headers=self.headers, name="reference"
        )
        self.asked = diagnoses(json.loads(made.content or b"{}").get("reference", {}))
        self.bodies = cycle(self.dice.sample(self.asked.bodies, len(self.asked.bodies)))

    def story(self, telling: Telling) -> None:
        """One request."""
        telling.ask("POST", self.asked.path, "diagnose", next(self.bodies), self.asked.holds)


class Scheduled(Unit, OpenLoop):
    """Whenever one is due."""


class Callers(Unit, ClosedLoop):
    """Each waits for his answer."""
