"""A fleet's day in a minute: units ask for rows all the time, sometimes for eight at once, rarely a system for a month.

``locust -f loadtests/mixed.py --headless --host http://127.0.0.1:8080 --profile short``
"""

from __future__ import annotations

from loadtests.questions import forecasts, tensors
from loadtests.session import Schedule
from loadtests.users import OpenLoop, Telling

__all__ = ["Fleet", "Schedule"]

SHARES = {"one row": 94, "eight rows": 5, "a month": 1}


class Fleet(OpenLoop):
    """Draws what each caller wants by its share."""

    def prepare(self) -> None:
        """The same draws in every run."""
        self.asked = {"one row": tensors(1), "eight rows": tensors(8), "a month": forecasts()}

    def story(self, telling: Telling) -> None:
        """One request of one kind."""
        (wish,) = self.dice.choices(list(SHARES), list(SHARES.values()))
        asked = self.asked[wish]
        telling.ask("POST", asked.path, wish, self.dice.choice(asked.bodies), asked.holds)
