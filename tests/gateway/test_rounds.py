"""What is done from time to time: again and again, by whoever is there, and never twice at once in one process."""

import threading
import time
from contextlib import suppress

import pytest
from apscheduler.schedulers import SchedulerNotRunningError

from gateway.rounds import Round, Rounds
from gateway.settings import Settings


@pytest.fixture
def made(tmp_path):
    """Starts rounds, and stops them afterwards."""
    started = []

    def start(**rounds: Round) -> Rounds:
        one = Rounds(Settings(data=tmp_path), rounds)
        started.append(one)
        one.start()
        return one

    yield start
    for one in started:
        with suppress(SchedulerNotRunningError):
            one.stop()


def test_each_round_is_made_again_and_again_at_its_own_pace(made):
    quick, slow = threading.Semaphore(0), threading.Semaphore(0)
    made(quick=Round(0.1, lambda *_: quick.release()), slow=Round(0.5, lambda *_: slow.release()))
    for _ in range(10):
        assert quick.acquire(timeout=10)
    assert slow.acquire(timeout=10)
    assert slow.acquire(timeout=10)


def test_what_is_made_twice_a_second_says_nothing_of_it(made, caplog):
    caplog.set_level("INFO")
    again = threading.Semaphore(0)
    made(again=Round(0.1, lambda *_: again.release()))
    for _ in range(3):
        assert again.acquire(timeout=10)
    assert not caplog.records


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
    entered, leave, other = [], threading.Event(), threading.Semaphore(0)

    def long(*_):
        entered.append(1)
        leave.wait(10)

    made(long=Round(0.1, long), other=Round(0.1, lambda *_: other.release()))
    for _ in range(5):
        assert other.acquire(timeout=10)
    assert entered == [1]
    leave.set()


def test_a_round_that_never_ends_holds_up_nobody_who_stops(made):
    entered = threading.Event()

    def endless(*_):
        entered.set()
        time.sleep(30)

    rounds = made(endless=Round(0.1, endless))
    assert entered.wait(10)
    began = time.monotonic()
    rounds.stop()
    assert time.monotonic() - began < 10
    assert [thread.daemon for thread in threading.enumerate() if "endless" in thread.name] == [True]
