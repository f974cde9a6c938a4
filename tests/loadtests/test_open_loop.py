"""The driver against a stub that freezes, rejects or keeps silent."""

import asyncio

import numpy as np

from loadtests import shapes
from loadtests.answers import HUNG_UP, NO_ANSWER, Log, percentile
from loadtests.open_loop import Target, drive


async def ask(stub, arrivals, bodies=(b"{}",), **patience) -> Log:
    return await drive(Target(stub.url, bodies, **patience), arrivals)


async def test_a_freeze_is_seen_by_all_who_were_due_in_it(serve):
    log = await ask(await serve(frozen=(1.2, 1.8)), shapes.constant(100, 3))
    assert percentile(log.latency, 0.9) >= 0.2
    assert (log.status == 200).all()


async def test_constant_arrivals_leave_in_order_never_before_and_soon_after_they_are_due(serve):
    log = await ask(await serve(), shapes.constant(200, 1))
    late = log.started - log.intended
    assert np.allclose(np.diff(log.intended), 0.005)
    assert late.min() >= 0
    assert np.median(late) < 0.05
    assert (np.diff(log.started) >= 0).all()


async def test_a_burst_leaves_at_once_on_connections_of_its_own(serve):
    stub = await serve(delay_s=0.4)
    log = await ask(stub, shapes.burst(200), connections=200)
    assert np.ptp(log.started) < log.ended.min()
    assert len(stub.heads) == 200
    assert log.good.all()


async def test_one_connection_is_enough_for_callers_that_wait_for_each_other_but_latency_says_so(serve):
    log = await ask(await serve(delay_s=0.01), shapes.burst(20), connections=1, most=1)
    assert log.dropped == 0
    assert log.latency.max() >= 0.2


async def test_rejections_are_told_from_answers_and_their_retry_after_is_noted(serve):
    log = await ask(await serve(reject=b"1"), shapes.burst(30), bodies=(b"0", b"1", b"2"), keep_bodies=True)
    assert log.rejected.tolist() == [False, True, False] * 10
    assert (log.retry_after == log.rejected).all()
    assert log.bodies[:3] == [b"0", b"busy", b"2"]
    assert log.good.sum() == 20


async def test_the_deadline_goes_with_the_request(serve):
    stub = await serve()
    await ask(stub, shapes.burst(1), deadline_ms=250)
    assert b"X-Forewatt-Deadline-Ms: 250\r\n" in stub.heads[0]


async def test_an_answer_that_never_comes_is_infinitely_late_and_not_forgotten(serve):
    log = await ask(await serve(silent=True), shapes.burst(5), patience_s=0.2)
    assert log.status.tolist() == [NO_ANSWER] * 5
    assert np.isinf(log.latency).all()
    assert log.summary()["latency_ms"]["p99"] is None


async def test_a_caller_who_hangs_up_closes_the_connection(serve):
    stub = await serve(silent=True)
    log = await ask(stub, shapes.burst(5), hang_up_s=0.1, connections=5)
    await asyncio.sleep(0.05)
    assert log.status.tolist() == [HUNG_UP] * 5
    assert stub.hung_up == 5


async def test_nobody_listening_is_a_run_without_answers():
    log = await drive(Target("http://127.0.0.1:9/", [b"{}"], patience_s=0.5), shapes.burst(3))
    assert log.dropped == 3
    assert not log.good.any()
