"""Raw tensors: ``locust -f loadtests/infer.py --headless --host http://127.0.0.1:8080 --profile short``."""

from __future__ import annotations

from itertools import cycle

from loadtests.questions import tensors
from loadtests.session import Schedule
from loadtests.users import Caller, ClosedLoop, OpenLoop, Telling

__all__ = ["Callers", "Schedule", "Scheduled"]


class Rows(Caller):
    """As many rows a request as the profile says, to the Open Inference Protocol."""

    abstract = True

    def prepare(self) -> None:
        """Every caller begins with another body."""
        self.asked = tensors(self.session.profile.rows)
        self.bodies = cycle(self.dice.sample(self.asked.bodies, len(self.asked.bodies)))

    def story(self, telling: Telling) -> None:
        """One request."""
        telling.ask("POST", self.asked.path, "infer", next(self.bodies), self.asked.holds)


class Scheduled(Rows, OpenLoop):
    """Whenever one is due."""


class Callers(Rows, ClosedLoop):
    """Each waits for his answer."""
