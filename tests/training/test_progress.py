"""What a listener is told of long work, and what the lines of a caller's fit make of it."""

from __future__ import annotations

import io
import json

import pytest

from training.callers import Lines
from training.progress import Stage, listening, steps

STAGES = ["replaying", "tuning", "backtesting", "publishing"]


def test_every_piece_is_told_when_it_is_done_and_to_nobody_outside():
    told = []
    with listening(lambda stage, done: told.append((stage, done))):
        seen = [(item, told[-1]) for item in steps("ab", "replaying", "moment")]
        stage = Stage("tuning", 4)
        stage.done()
    assert seen == [("a", ("replaying", 0.0)), ("b", ("replaying", 0.5))]
    assert told[2:] == [("replaying", 1.0), ("tuning", 0.0), ("tuning", 0.25)]
    stage.done()
    assert len(told) == 5


@pytest.fixture
def lines():
    out = io.StringIO()
    return Lines(out), lambda: [json.loads(line) for line in out.getvalue().splitlines()]


def test_progress_never_goes_back_and_reaches_a_hundred_only_with_the_outcome(lines):
    say, said = lines
    say("reading", 0.0)
    say.expect(moments=148, origins=13)
    for stage in STAGES:
        for n in range(101):
            say(stage, n / 100)
    progress = [line["progress"] for line in said()]
    assert progress == sorted(progress)
    assert (progress[0], progress[-1]) == (0, 99)
    assert len(progress) <= 110  # a line for each percent


def test_the_seconds_left_follow_the_clock_and_are_not_guessed_at_first(lines, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("training.callers.time.monotonic", lambda: clock[0])
    out = io.StringIO()
    say = Lines(out)
    say("reading", 0.0)
    say.expect(moments=148, origins=13)
    for n in range(5):
        clock[0] += 2.0
        say("backtesting", n / 4)
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert told[0]["left_s"] is None
    for line, passed in zip(told[1:], (2.0, 4.0, 6.0, 8.0, 10.0), strict=True):
        share = passed / (passed + line["left_s"])
        assert 100 * share == pytest.approx(line["progress"], abs=1.5)
