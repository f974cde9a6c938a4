"""The typed question: ``locust -f loadtests/forecast.py --headless --host http://127.0.0.1:8080 --profile short``."""

from __future__ import annotations

from itertools import cycle

from loadtests.questions import forecasts
from loadtests.session import Schedule
from loadtests.users import Caller, ClosedLoop, OpenLoop, Telling

__all__ = ["Callers", "Schedule", "Scheduled"]


class Month(Caller):
    """A history goes out, the month after it comes back."""

    abstract = True

    def prepare(self) -> None:
        """Every caller begins with another history."""
        self.asked = forecasts()
        self.bodies = cycle(self.dice.sample(self.asked.bodies, len(self.asked.bodies)))

    def story(self, telling: Telling) -> None:
        """One request."""
        telling.ask("POST", self.asked.path, "forecast", next(self.bodies), self.asked.holds)


class Scheduled(Month, OpenLoop):
    """Whenever one is due."""


class Callers(Month, ClosedLoop):
    """Each waits for his answer."""
