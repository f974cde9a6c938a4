"""The search against simulated servers whose capacity is known, and one probe after another against a real stub."""

import asyncio
import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread

import numpy as np
import pytest

from loadtests.answers import Log
from loadtests.capacity.__main__ import exit_code
from loadtests.capacity.probe import NotCalmError, Prober, target, void_because
from loadtests.capacity.report import as_json, at_that_rate, conclusion, table
from loadtests.capacity.search import Found, Plan, Search
from loadtests.capacity.verdicts import Outcome, Verdict, judge
from loadtests.open_loop import Target
from loadtests.shapes import constant, poisson

LIMIT_S = 0.15


@dataclass
class Simulated:
    """A server that takes one after another, each a random time around ``1 / per_s``; at times it stands still."""

    per_s: float
    stalls_per_s: float = 0.0
    void_beyond: float = np.inf
    asked: int = 0
    odd: dict[int, Verdict] = field(default_factory=dict)  # what some probes say instead, by number

    def __call__(self, rate: float, seconds: float, seed: int) -> Outcome:
        self.asked += 1
        dice = np.random.default_rng([seed, 7])
        due = poisson(rate, seconds, seed)
        work = dice.lognormal(-0.045, 0.3, len(due)) / self.per_s
        for at in dice.uniform(0, seconds, dice.poisson(self.stalls_per_s * seconds)):
            work[np.searchsorted(due, at) :][:1] += dice.uniform(0.05, 0.4)
        done = np.cumsum(work)
        latency = done + np.maximum.accumulate(due - (done - work)) - due
        odd = self.odd.get(self.asked)
        void = ["busy"] if rate > self.void_beyond or odd is Verdict.VOID else []
        return Outcome(due, latency + (odd is Verdict.FAILS), seconds + 1.2, void, {"generator_cpu": 0.25})

    def capacity(self) -> float:
        """From long runs without stalls."""
        calm, low, high = Simulated(self.per_s), 0.3 * self.per_s, 1.2 * self.per_s
        for _ in range(10):
            rate = (low + high) / 2
            low, high = (rate, high) if calm(rate, 30_000 / rate, 1).p99_s <= LIMIT_S else (low, rate)
        return low


@pytest.mark.parametrize(("per_s", "stalls_per_s"), [(600, 0.0), (600, 0.01), (100, 0.0)])
def test_the_rate_found_is_within_a_tenth_of_the_true_one_in_nearly_all_cases(per_s, stalls_per_s):
    server = Simulated(per_s, stalls_per_s)
    true = server.capacity()
    searches = [
        Search(server, Plan(LIMIT_S, budget_s=900, seed=100 * n)).run(per_s * (0.2 + 0.01 * n)) for n in range(20)
    ]
    assert all(found.confirmed for found in searches)
    assert sum(abs(found.good / true - 1) <= 0.1 for found in searches) >= 18
    assert sum(found.good <= true * 1.05 and found.bad >= true * 0.95 for found in searches) >= 18


def test_the_answer_rests_on_fresh_probes_of_other_arrivals():
    found = Search(Simulated(1000), Plan(LIMIT_S)).run(100)
    assert [p.verdict for p in found.probes if p.purpose == "good" and p.rate == found.good] == [Verdict.HOLDS] * 3
    assert [p.verdict for p in found.probes if p.purpose == "bad"][-2:] == [Verdict.FAILS] * 2
    assert len({probe.seed for probe in found.probes}) == len(found.probes)
    assert found.bad == pytest.approx(1.1 * found.good)
    assert found.spent_s <= 180
    assert exit_code(found) == 0


def test_every_probe_has_samples_enough_to_prove_a_p99():
    found = Search(Simulated(40), Plan(LIMIT_S, seconds=1, budget_s=900)).run(10)
    assert min(len(probe.outcome.due) for probe in found.probes) >= 459


def test_a_start_above_the_capacity_is_no_harm():
    assert Search(Simulated(1000), Plan(LIMIT_S)).run(5000).good == pytest.approx(1000, rel=0.1)


@pytest.mark.parametrize("number", [3, 5, 6, 7])
def test_one_probe_that_fails_by_accident_does_not_decide(number):
    server = Simulated(1000, odd={number: Verdict.FAILS})
    assert Search(server, Plan(LIMIT_S, budget_s=400)).run(150).good == pytest.approx(1000, rel=0.1)


def test_a_void_probe_is_repeated_and_never_the_servers_fault():
    server = Simulated(1000, odd=dict.fromkeys(range(2, 60, 3), Verdict.VOID))
    found = Search(server, Plan(LIMIT_S, budget_s=400)).run(150)
    assert found.confirmed
    assert not found.generator_bound
    assert found.good == pytest.approx(1000, rel=0.1)


def test_where_the_generator_is_the_limit_the_rate_is_a_lower_bound_and_says_so():
    found = Search(Simulated(5000, void_beyond=1000), Plan(LIMIT_S)).run(100)
    assert found.generator_bound
    assert 1000 / 1.1 <= found.good <= 1000
    assert Verdict.FAILS not in {probe.verdict for probe in found.probes}
    assert "at least" in conclusion(found)
    assert exit_code(found) == 2


def test_where_time_runs_out_nothing_is_called_confirmed():
    found = Search(Simulated(1000), Plan(LIMIT_S, budget_s=60)).run(100)
    assert not found.confirmed
    assert found.good < 1000 < 1.1 * found.bad
    assert found.spent_s <= 60
    assert conclusion(found).startswith("between")
    assert exit_code(found) == 1


def test_a_server_that_never_answers_in_time_has_no_rate():
    found = Search(
        lambda *asked: Outcome(poisson(*asked), np.full(len(poisson(*asked)), np.inf), 1.0), Plan(LIMIT_S)
    ).run(1)
    assert found.good is None
    assert exit_code(found) == 1


def latencies(over: slice | list[int]) -> Outcome:
    """Two thousand requests in ten seconds, some over the limit."""
    latency = np.full(2000, 0.01)
    latency[over] = np.inf
    return Outcome(constant(200, 10), latency, 10.0)


def test_a_stall_proves_nothing_and_an_excess_that_lasts_does():
    assert judge(latencies([5, 600, 1500]), LIMIT_S) is Verdict.HOLDS
    assert judge(latencies(slice(500, 620)), LIMIT_S) is Verdict.UNDECIDED
    assert judge(latencies(slice(1400, 2000)), LIMIT_S) is Verdict.FAILS
    assert judge(latencies(slice(0, 2000, 20)), LIMIT_S) is Verdict.FAILS
    assert judge(latencies(slice(0, 2000, 90)), LIMIT_S) is Verdict.UNDECIDED
    nothing = np.empty(0)
    assert judge(Outcome(nothing, nothing, 1.0), LIMIT_S) is Verdict.UNDECIDED


def log(started, ended) -> Log:
    due, nobody = constant(100, 10), np.zeros(1000, bool)
    return Log(due, due + started, due + ended, np.full(1000, 200), nobody, [], 0.5, 0.0, 10.0, 1.0)


def test_what_leaves_late_while_the_server_is_idle_is_the_generators_fault():
    late = np.where(np.arange(1000) % 10, 0.0, 0.3)
    assert void_because(log(late, late + 0.01), crowd=15)


def test_what_leaves_late_behind_a_crowd_is_the_servers():
    late = np.where(np.arange(1000) > 500, 0.3, 0.0)
    assert void_because(log(late, np.full(1000, 2.0)), crowd=15) == []


@contextmanager
def stub(per_s: float = np.inf, burst: int = 20):
    """A server on loopback that answers at once, and beyond so many a second with 503; its address."""
    ready, over, addresses = Event(), Event(), []

    async def serve(reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
                allowed[0] = min(burst, allowed[0] + (time.monotonic() - allowed[1]) * per_s)
                allowed[1] = time.monotonic()
                status = b"200 OK" if allowed[0] >= 1 else b"503 Busy"
                allowed[0] -= allowed[0] >= 1
                heads.append(head)
                writer.write(b"HTTP/1.1 %s\r\nContent-Length: 2\r\n\r\n{}" % status)
        except (asyncio.IncompleteReadError, ConnectionError, IndexError):  # the last: it is no question
            writer.close()

    async def run():
        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
        addresses.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        ready.set()
        while not over.is_set():
            await asyncio.sleep(0.02)
        server.close()
        await asyncio.sleep(0.05)  # let the connections see their end

    allowed, heads = [float(burst), time.monotonic()], []
    thread = Thread(target=asyncio.run, args=(run(),))
    thread.start()
    ready.wait()
    try:
        yield addresses[0], heads
    finally:
        over.set()
        thread.join()


def test_a_server_that_refuses_beyond_a_rate_is_found_out():
    with stub(per_s=900) as (url, _):
        prober = Prober(Target(url, [b"{}"]), LIMIT_S, f"{url}/metrics")
        found = Search(prober, Plan(LIMIT_S, seconds=0.5, close=1.5)).bracket(600)
    assert all(probe.rate <= 1.1 * 900 for probe in found.probes if probe.verdict is Verdict.HOLDS)
    assert Verdict.FAILS in {probe.verdict for probe in found.probes}
    seen = found.probes[0].outcome.seen
    assert 0 < seen["generator_cpu"] < 1
    assert seen["batch_rows"] is None  # a stub has no page


def test_probing_waits_until_a_lone_caller_is_served_and_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr("loadtests.capacity.probe.CALMING_S", 0.2)
    with stub(per_s=1e-9, burst=0) as (url, _), pytest.raises(NotCalmError, match="503"):
        Prober(Target(url, [b"{}"]), limit_s=0.01)(10, 1, 1)


def test_the_key_goes_with_every_question_and_the_typed_one_lies_elsewhere_on_the_inference_server(monkeypatch):
    monkeypatch.setattr("loadtests.questions.VARIETY", 1)
    monkeypatch.setenv("FOREWATT_API_KEY", "secret")
    assert target("forecast", "http://here/", direct=True).url == "http://here/forecast"
    assert target("forecast", "http://here", direct=False).url == "http://here/api/v1/forecasts"
    with stub() as (url, heads):
        Prober(target("infer", url, direct=True), LIMIT_S).calm()
    assert heads
    assert all(b"\r\nX-API-Key: secret\r\n" in head for head in heads)


def test_the_report_is_json_and_words_with_what_the_server_said():
    plan = Plan(LIMIT_S)
    found = Search(Simulated(1000), plan).run(100)
    told = json.loads(json.dumps(as_json("infer", "http://here", plan, found), allow_nan=False))
    assert told["rate_per_s"] == found.good
    assert len(told["probes"]) == len(found.probes)
    assert at_that_rate(found) == {"generator_cpu": 0.25}
    assert "0.25 of a core for the generator" in table("infer", LIMIT_S, found)
    assert json.dumps(as_json("infer", "", plan, Found()), allow_nan=False)
