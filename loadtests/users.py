"""Who asks: callers that come by schedule, however late the last answer was, and callers that wait for each answer.

A closed loop asks less of a slow server and so hides how long others would have waited (Schroeder, Wierman,
Harchol-Balter: Open versus closed, NSDI 2006). Targets for latency want ``OpenLoop``, for concurrency ``ClosedLoop``.
"""

from __future__ import annotations

import random
from time import perf_counter
from typing import Any

import gevent
from gevent.pool import Pool
from gevent.timeout import Timeout
from locust import FastHttpUser, task
from locust.exception import StopUser

from loadtests.clock import Alarm
from loadtests.record import LATE, OK, REJECTED
from loadtests.rights import shown
from loadtests.session import Session

MOST_IN_FLIGHT = 4096
IN_A_ROW = 32  # sent before answers get their turn
DEADLINE = "X-Forewatt-Deadline-Ms"


class Telling:
    """A story while it is told. Its first request counts from when the story was due, the others from their start."""

    def __init__(self, caller: Caller, due: float) -> None:
        self.caller, self.due = caller, due
        self.outcome, self.cause = OK, ""
        self.calls: list[str] = []

    def ask(self, method: str, path: str, call: str, body: bytes | None = None, holds: bytes = b"") -> Any:  # noqa: ANN401
        """The response, whatever became of it. A right answer is a 2xx whose body has ``holds`` in it."""
        due = perf_counter() if self.calls else self.due
        self.calls.append(call)
        caller = self.caller
        asking = caller.client.request(
            method, path, name=call, data=body, headers=caller.headers, catch_response=True, allow_redirects=False
        )
        with asking as response:
            took_s = perf_counter() - due
            response.request_meta["response_time"] = 1000 * took_s  # Locust's own tables count from the schedule too
            outcome, cause = judged(response, holds)
            if outcome == OK and took_s > caller.deadline_s:
                outcome = LATE
            if outcome not in (OK, LATE):
                response.failure(cause or outcome)
        caller.session.note(call, due, took_s, outcome, cause)
        self.suffer(outcome, cause)
        return response

    @property
    def well(self) -> bool:
        """So far every answer was right, and in time."""
        return self.outcome == OK

    def suffer(self, outcome: str, cause: str = "") -> None:
        """The first thing that goes wrong is the story's outcome."""
        if self.well:
            self.outcome, self.cause = outcome, cause


class Caller(FastHttpUser):
    """What all callers have; ``story`` is what one of them does, told again and again."""

    abstract = True
    concurrency = MOST_IN_FLIGHT
    network_timeout = connection_timeout = 30.0  # then a request is lost

    def on_start(self) -> None:
        """Find out what is to be done; bodies are made before the clock runs."""
        self.session = Session.of(self.environment)
        profile = self.session.profile
        self.deadline_s = profile.deadline_ms / 1000
        asking = {"Content-Type": "application/json", DEADLINE: str(profile.deadline_ms)}
        self.headers = asking | shown(self.host or "")
        self.dice = random.Random(self.session.seed)  # noqa: S311 - which story, not a secret
        self.prepare()

    def prepare(self) -> None:
        """Make what the story needs."""

    def story(self, telling: Telling) -> None:
        """One or more requests, through ``telling``."""
        raise NotImplementedError

    def tell(self, due: float) -> None:
        """The story from when it is due to its end; the suite's name stands for the whole of it."""
        telling = Telling(self, due)
        self.story(telling)
        if telling.calls != [self.session.suite]:
            took_s = perf_counter() - due
            if telling.well and took_s > self.deadline_s:
                telling.suffer(LATE)
            self.session.note(self.session.suite, due, took_s, telling.outcome, telling.cause)


class OpenLoop(Caller):
    """Tells the story whenever one is due, beside those that are not over yet."""

    abstract = True
    loop = "open"

    @task
    def keep_to_the_schedule(self) -> None:
        """This generator's share of the arrivals, then nothing more."""
        crew, alarm, session = Pool(), Alarm(), self.session
        start = session.begin()
        for number, moment in enumerate(session.arrivals().tolist()):
            due = start + moment
            alarm.wait_until(due)
            if number % IN_A_ROW == 0:
                gevent.sleep(0)
            if len(crew) < MOST_IN_FLIGHT:
                crew.spawn(self._leave, due)
            else:
                session.dropped(due)
        crew.join()
        alarm.close()
        raise StopUser

    def _leave(self, due: float) -> None:
        self.session.left(due, perf_counter() - due)
        self.tell(due)


class ClosedLoop(Caller):
    """Tells the story, and when it is over tells it again."""

    abstract = True
    loop = "closed"

    @task
    def ask_again_and_again(self) -> None:
        """Until the time is over."""
        start = self.session.begin()
        while (now := perf_counter()) < start + self.session.length_s:
            self.session.left(now, 0.0)
            self.tell(now)
            gevent.sleep(self.session.profile.pause_s)
        raise StopUser


def judged(response: Any, holds: bytes) -> tuple[str, str]:  # noqa: ANN401 - Locust's, which has no types
    """What became of a request, and for people the cause where it is not well."""
    status: int = response.status_code
    if status == 0:
        error = response.error
        return ("timeout" if isinstance(error, TimeoutError | Timeout) else "no answer"), type(error).__name__
    if status in (429, 503):
        return REJECTED, str(status)
    if status >= 300:
        return ("broken" if status >= 500 else "refused"), str(status)
    return (OK, "") if holds in (response.content or b"") else ("wrong", f"{status} without {holds.decode()}")
