"""Whole questions on a virtual clock, 10 ms each, as exact as arithmetic; and the thread that answers real ones."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from calls import told

from bentos.serving.contract import Limits, Shed
from bentos.serving.desk import Clerk, Desk
from bentos.serving.hosting import Hosting
from bentos.serving.messages import Reply, Request
from bentos.serving.metrics import exposition
from bentos.serving.problems import Refused
from bentos.serving.server import Knobs, Server
from bentos.serving.tensors import TensorSpec

COST_S = 0.010


class Slow:
    """Answers a question with itself, one after another, each at the stated cost."""

    def __init__(self, cost_s: Callable[[], float] = lambda: COST_S) -> None:
        self.cost_s, self.answered, self.worker = cost_s, [], asyncio.Lock()

    async def __call__(self, bodies: Sequence[bytes]) -> list[bytes]:
        async with self.worker:
            await asyncio.sleep(self.cost_s())
            self.answered += bodies
        return list(bodies)


def desk(compute: Any, limits: Limits | None = None) -> Desk:
    """On the clock of the virtual loop."""
    return Desk(told(compute), COST_S, limits or Limits(), clock=asyncio.get_running_loop().time)


def asking(at: Desk, body: bytes, within_s: float) -> asyncio.Task[Reply]:
    request = Request("POST", "/question", {}, body, asyncio.get_running_loop().time() + within_s)
    return asyncio.ensure_future(at.ask(request))


async def outcomes(tasks: list[asyncio.Task[Reply]]) -> list[bytes | None]:
    """Bodies of the answers; nothing for whom was shed."""
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(one, Reply | Shed) for one in found), found
    return [one.body if isinstance(one, Reply) else None for one in found]


def test_a_question_that_cannot_be_answered_in_time_is_refused_before_any_work(virtually):
    async def ask() -> None:
        slow = Slow()
        at = desk(slow)
        early = [asking(at, b"%d" % n, 1.0) for n in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(Shed) as refused:
            await asking(at, b"hurried", 3 * COST_S)
        assert asyncio.get_running_loop().time() == 0
        assert refused.value.reason == "deadline"
        assert refused.value.retry_after_s > 0
        assert await outcomes(early) == [b"0", b"1", b"2", b"3", b"4"]
        assert slow.answered == [b"0", b"1", b"2", b"3", b"4"]

    virtually(ask())


def test_who_must_be_first_is_first_and_who_hangs_up_costs_nothing(virtually):
    async def ask() -> None:
        slow = Slow()
        at = desk(slow)
        patient = [asking(at, b"%d" % n, 1.0) for n in range(4)]
        await asyncio.sleep(0.001)  # the first is answered now, the next handed over
        urgent = asking(at, b"urgent", 5 * COST_S)
        await asyncio.sleep(0)
        patient.pop(3).cancel()
        await asyncio.gather(*patient, urgent)
        assert slow.answered == [b"0", b"1", b"urgent", b"2"]

    virtually(ask())


@pytest.mark.parametrize("times", [2, 10])
def test_more_than_can_be_answered_leaves_the_thread_busy_and_the_rest_refused_at_once(virtually, times):
    async def ask() -> None:
        at, clock = desk(Slow()), asyncio.get_running_loop().time
        tasks, told_after = [], []
        for n in range(int(times * 10 / COST_S)):
            task, begun = asking(at, b"%d" % n, 1.0), clock()
            task.add_done_callback(lambda _, begun=begun: told_after.append(clock() - begun))
            tasks.append(task)
            await asyncio.sleep(COST_S / times)
        answered = sum(one is not None for one in await outcomes(tasks))
        assert answered >= 0.99 * 10 / COST_S
        assert max(told_after) <= 1.0  # each answer in time
        assert np.sort(told_after)[len(tasks) - answered - 1] == 0  # each refusal without waiting

    virtually(ask())


def test_the_expected_cost_follows_what_is_asked_but_not_an_accident(virtually):
    async def ask() -> None:
        now = [3 * COST_S]
        at = desk(Slow(lambda: now[0]))
        for _ in range(60):
            await asking(at, b"long", 1.0)
        assert at.cost_s == pytest.approx(3 * COST_S, rel=0.01)
        now[0] = 100.0
        await asking(at, b"for ever", 1000.0)
        assert at.cost_s < 1.5 * 3 * COST_S

    virtually(ask())


def test_questions_longer_than_measured_are_still_answered_in_time_under_overload(virtually):
    async def ask() -> None:
        at, clock = desk(Slow(lambda: 3 * COST_S)), asyncio.get_running_loop().time
        tasks, late = [], []
        for n in range(3000):
            task, due = asking(at, b"%d" % n, 1.0), clock() + 1.0
            task.add_done_callback(lambda task, due=due: clock() > due and not task.exception() and late.append(task))
            tasks.append(task)
            await asyncio.sleep(COST_S)
        answered = sum(one is not None for one in await outcomes(tasks))
        assert answered - len(late) >= 0.9 * 3000 / 3

    virtually(ask())


def test_what_waits_is_bounded_in_number_and_in_bytes(virtually):
    async def ask() -> None:
        for limits in (Limits(queue_rows=3), Limits(queue_bytes=3 * 100)):
            tasks = [asking(desk_, b"x" * 100, 100.0) for desk_ in [desk(Slow(), limits)] for _ in range(10)]
            assert sum(one is not None for one in await outcomes(tasks)) == 3

    virtually(ask())


class Town:
    """Takes rows and questions; a question is a number, and zero cannot be asked."""

    name, version, platform = "town", "1", "none"
    input = TensorSpec("features", "FP64", (-1, 1))
    outputs = (TensorSpec("prediction", "FP64", (-1,)),)

    def __init__(self) -> None:
        self.threads: set[str] = set()

    def predict(self, rows: np.ndarray) -> list[np.ndarray]:
        return [rows[:, 0]]

    def examples(self, n: int) -> np.ndarray:
        return np.zeros((n, 1))

    def respond(self, body: bytes) -> bytes:
        self.threads.add(threading.current_thread().name)
        if body == b"0":
            raise Refused(422, "zero", "Ask another number.")
        return b"%d" % (100 // int(body) if body != b"7" else {}["seven"])

    def sample_question(self) -> bytes:
        return b"5"


def request(body: bytes) -> Request:
    return Request("POST", "/question", {}, body, asyncio.get_running_loop().time() + 60)


async def test_a_model_that_takes_questions_answers_refuses_and_fails_in_one_thread():
    town = Town()
    at = (await Hosting().load(town)).desk
    asked = [at.ask(request(b"%d" % n)) for n in range(1, 7)]
    assert [reply.body for reply in await asyncio.gather(*asked)] == [b"100", b"50", b"33", b"25", b"20", b"16"]
    with pytest.raises(Refused, match="Ask another"):
        await at.ask(request(b"0"))
    with pytest.raises(KeyError):
        await at.ask(request(b"7"))
    assert (await at.ask(request(b"2"))).body == b"50"
    assert len(town.threads) == 1


async def test_rows_and_questions_of_a_model_are_counted_apart_and_forgotten_together():
    hosting = Hosting()
    await hosting.load(Town())
    await hosting.desk("town").ask(request(b"2"))
    said = exposition()
    for work, count in (("rows", 0), ("questions", 1)):
        assert f'forewatt_batch_rows_count{{model="town",version="1",work="{work}"}} {count}.0' in said
    assert said.count('forewatt_model_info{model="town",version="1"} 1.0') == 1
    hosting.unload("town")
    assert "town" not in exposition()


async def test_a_model_of_rows_alone_says_so():
    class Rows(Town):
        name, respond = "rows", None

    hosting = Hosting()
    await hosting.load(Rows())
    with pytest.raises(Refused, match="takes rows alone"):
        hosting.desk("rows")
    hosting.unload("rows")


async def test_a_clerk_measures_what_a_question_costs():
    assert 0 < await Clerk(Town().respond).cost_s(b"5") < 1


class Gate(Town):
    """Answers nothing until it is opened."""

    name = "gate"

    def __init__(self) -> None:
        self.begun, self.open, self.seen = threading.Event(), threading.Event(), []

    def respond(self, body: bytes) -> bytes:
        if body == self.sample_question():
            return body
        self.seen.append(body)
        self.begun.set()
        assert self.open.wait(30)
        return body


async def test_who_hangs_up_before_his_turn_is_never_worked_for():
    gate, hosting, server = Gate(), Hosting(), Server(lambda *_: asyncio.sleep(0), Knobs())
    server.routes["/question"] = (await hosting.load(gate)).desk.ask
    callers = [Caller(b"%d" % n) for n in range(3)]
    answering = [asyncio.create_task(server(caller.scope, caller.receive, caller.send)) for caller in callers]
    await asyncio.to_thread(gate.begun.wait, 30)  # the first is worked for, and the second stands ready for the thread
    callers[2].gone.set()
    await answering[2]
    gate.open.set()
    await asyncio.gather(*answering)
    assert gate.seen == [b"0", b"1"]
    assert [caller.status for caller in callers] == [200, 200, None]
    hosting.unload("gate")


class Caller:
    """One request as a server sees it, until he hangs up."""

    def __init__(self, body: bytes) -> None:
        headers = [(b"content-type", b"application/json")]
        self.scope = {"type": "http", "method": "POST", "path": "/question", "headers": headers}
        self.body, self.gone, self.status = [body], asyncio.Event(), None

    async def receive(self) -> dict[str, Any]:
        if self.body:
            return {"type": "http.request", "body": self.body.pop()}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.status = message.get("status", self.status)
