"""What is done from time to time: again and again, by whoever is there, and never twice at once in one process."""

import threading
import time

import pytest

from gateway.broker import Broker
from gateway.rounds import Round, Rounds
from gateway.settings import Settings


@pytest.fixture
def made(tmp_path):
    """Starts rounds, and stops them afterwards."""
    started = []

    def start(**rounds: Round) -> Rounds:
        one = Rounds(Settings(data=tmp_path), Broker(None), rounds)
        started.append(one)
        one.start()
        return one

    yield start
    for one in started:
        one.stop()


def test_each_round_is_made_again_and_again_at_its_own_pace(made):
    quick, slow = threading.Semaphore(0), threading.Semaphore(0)
    made(quick=Round(0.1, lambda *_: quick.release()), slow=Round(0.5, lambda *_: slow.release()))
    for _ in range(10):
        assert quick.acquire(timeout=10)
    assert slow.acquire(timeout=10)
    assert slow.acquire(timeout=10)


def test_a_round_that_fails_is_made_again_and_holds_up_no_other(made):
    tried, other = [], threading.Semaphore(0)

    def fails(*_):
        tried.append(time.monotonic())
        raise OSError("the database is away")

    made(fails=Round(0.1, fails), other=Round(0.1, lambda *_: other.release()))
    for _ in range(5):
        assert other.acquire(timeout=10)
    assert len(tried) > 1


def test_a_round_that_takes_long_is_not_begun_a_second_time_meanwhile(made):
    entered, leave = [], threading.Event()

    def long(*_):
        entered.append(1)
        leave.wait(10)

    rounds = made(long=Round(0.1, long))
    while not entered:
        time.sleep(0.01)
    rounds.go("long")  # returns at once
    assert entered == [1]
    leave.set()
