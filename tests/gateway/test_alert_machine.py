"""One alert on a virtual clock: every state, every timer, and nothing that cannot be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.alerts import machine
from gateway.alerts.lifecycle import (
    ENDED,
    LEGAL,
    STANDING,
    Acknowledge,
    Alert,
    Close,
    Group,
    IllegalError,
    Leave,
    Said,
    Shelve,
    State,
    Tick,
)
from gateway.alerts.rules import Policy, Threshold, in_force

START = datetime(2026, 1, 5, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RULES = in_force(Threshold(on_delay_s=(600, 600, 600, 0), off_delay_s=1800), Policy()).rules
UPSTREAM = UUID(int=7)
ABOVE, BETWEEN, BELOW, OFF = (Said(zone, 2) for zone in ("above", "between", "below", "off"))


class Played:
    """One alert, what was told of it and when, and its path."""

    def __init__(self, level=2, rules=RULES):
        self.rules, self.now = rules, START
        self.alert = machine.begin(level, START, rules)
        self.path, self.calls = [self.alert.state], []
        self.run()

    def after(self, span, *events):
        """Time passes, then these happen."""
        end = self.now + span
        while (due := self.alert.due_at) is not None and due <= end:
            self.now = max(due, self.now)
            self.step(Tick())
        self.now = end
        for event in events:
            self.step(event)
            self.run()
        return self

    def step(self, event):
        was = self.alert
        self.alert, call = machine.step(was, event, self.now, self.rules)
        if self.alert.state != was.state:
            self.path.append(self.alert.state)
        if call:
            self.calls.append((self.now - START, call.kind, call.level, call.step))

    def run(self):
        while (due := self.alert.due_at) is not None and due <= self.now:
            self.step(Tick())

    def told(self):
        return [(str(at), kind, step) for at, kind, _, step in self.calls]


def active(level=2):
    return Played(level).after(10 * MINUTE)


def test_what_holds_for_the_delay_is_raised_once_by_time_alone():
    played = Played().after(9 * MINUTE)
    assert (played.alert.state, played.calls) == (State.PENDING, [])
    played.after(MINUTE)
    assert played.alert.state == State.ACTIVE
    assert played.told() == [("0:10:00", "raised", 0)]
    for _ in range(8):
        played.after(15 * MINUTE, ABOVE)
    assert len(played.calls) == 1


@pytest.mark.parametrize("said", [BETWEEN, BELOW, OFF])
def test_what_does_not_hold_for_the_delay_is_told_to_nobody(said):
    played = Played().after(9 * MINUTE, said).after(DAY)
    assert (played.path, played.calls) == ([State.PENDING, State.CLEARED], [])


def test_what_is_critical_does_not_wait():
    assert Played(4).told() == [("0:00:00", "raised", 0)]
    played = Played(2).after(MINUTE, Said("above", 4))
    assert played.told() == [("0:01:00", "raised", 0)]


def test_it_clears_after_the_delay_and_a_doubt_between_the_thresholds_keeps_it():
    played = active().after(MINUTE, BELOW).after(20 * MINUTE, BETWEEN).after(HOUR, BELOW)
    assert played.alert.state == State.CLEARING
    played.after(30 * MINUTE)
    wanted = [State.PENDING, State.ACTIVE, State.CLEARING, State.ACTIVE, State.CLEARING, State.CLEARED]
    assert played.path == wanted
    assert [kind for _, kind, *_ in played.calls] == ["raised", "cleared"]


def test_the_ladder_is_climbed_until_somebody_acknowledges_and_then_he_is_reminded_daily():
    played = active(3).after(HOUR)
    assert played.told()[1:] == [("0:40:00", "escalated", 1)]
    played.after(10 * MINUTE, Acknowledge()).after(2 * DAY)
    assert [kind for _, kind, *_ in played.calls[2:]] == ["reminder", "reminder"]


def test_who_does_not_acknowledge_is_reminded_after_the_last_step():
    played = Played(4).after(DAY + 2 * HOUR)
    assert [(kind, step) for _, kind, _, step in played.calls] == [
        ("raised", 0), ("escalated", 1), ("escalated", 2), ("escalated", 3), ("reminder", 3),
    ]  # fmt: skip
    assert [at for at, *_ in played.calls[:4]] == [0 * HOUR, 5 * MINUTE, 15 * MINUTE, HOUR]


def test_steps_that_fell_into_an_outage_are_told_once_each_when_it_ends():
    played = Played(4)
    played.now += 40 * MINUTE
    played.run()
    assert [(kind, step) for _, kind, _, step in played.calls] == [("raised", 0), ("escalated", 1), ("escalated", 2)]


def test_a_rising_level_is_news_even_to_who_has_acknowledged_and_a_falling_one_is_not():
    played = active(2).after(MINUTE, Acknowledge()).after(MINUTE, Said("above", 3))
    assert (played.alert.state, played.alert.acknowledged_at) == (State.ACTIVE, None)
    played.after(MINUTE, Said("above", 2)).after(MINUTE, Said("above", 3))
    assert [(kind, level) for _, kind, level, _ in played.calls] == [("raised", 2), ("raised", 3)]


def test_what_comes_and_goes_is_not_told_again_within_half_an_hour_but_then_if_it_stands():
    rules = in_force(Threshold(on_delay_s=(0, 0, 0, 0), off_delay_s=60), Policy()).rules
    played = Played(rules=rules)
    for _ in range(6):
        played.after(MINUTE, BELOW).after(2 * MINUTE).after(MINUTE, ABOVE)
    assert [kind for _, kind, *_ in played.calls] == ["raised", "cleared"]
    played.after(HOUR)
    assert played.told()[2:] == [("0:30:00", "raised", 0)]


def test_what_is_shelved_comes_back_by_itself_if_it_still_holds():
    played = active().after(HOUR, Shelve(START + DAY)).after(HOUR, ABOVE).after(DAY)
    assert played.path[-2:] == [State.SHELVED, State.ACTIVE]
    assert [kind for _, kind, *_ in played.calls][:2] == ["raised", "raised"]
    played = active().after(HOUR, Shelve(START + DAY)).after(HOUR, BELOW).after(DAY)
    assert played.path[-2:] == [State.SHELVED, State.CLEARED]


def test_what_is_shelved_comes_back_at_once_if_it_gets_worse_and_a_shelf_can_be_ended():
    played = active().after(MINUTE, Shelve(START + DAY), Said("above", 4))
    assert (played.alert.state, played.calls[-1][1:3]) == (State.ACTIVE, ("raised", 4))
    played = active().after(HOUR, Shelve(START + DAY)).after(HOUR, Shelve(START))
    assert played.alert.state == State.ACTIVE


def test_after_a_time_out_of_service_the_delay_begins_anew():
    played = active().after(HOUR, Leave(START + DAY), ABOVE).after(DAY)
    assert played.path[2:] == [State.OUT_OF_SERVICE, State.PENDING, State.ACTIVE]
    played = active().after(HOUR, Leave(START + DAY), BELOW).after(DAY)
    assert played.path[2:] == [State.OUT_OF_SERVICE, State.CLEARED]
    assert [kind for _, kind, *_ in played.calls] == ["raised", "cleared"]


def test_a_unit_that_stands_still_calls_nobody_and_proves_nothing():
    played = active(3).after(MINUTE, OFF).after(DAY, OFF)
    assert (played.alert.state, len(played.calls)) == (State.ACTIVE, 1)
    played.after(MINUTE, Said("above", 3)).after(DAY)
    assert [kind for _, kind, *_ in played.calls] == ["raised", "escalated", "escalated"]


def test_what_was_closed_stays_closed_while_it_holds_unless_it_gets_worse_or_a_week_passes():
    played = active().after(HOUR, Close()).after(HOUR, ABOVE)
    assert played.alert.state == State.CLOSED
    is_fresh = lambda said, after: machine.fresh(played.alert, said, played.now + after, RULES)  # noqa: E731
    assert not is_fresh(ABOVE, DAY)
    assert is_fresh(Said("above", 3), MINUTE)
    assert is_fresh(ABOVE, 7 * DAY)
    played.after(HOUR, BELOW).after(20 * MINUTE)
    assert not is_fresh(ABOVE, 5 * MINUTE)
    assert is_fresh(ABOVE, 10 * MINUTE)


def test_what_another_alert_stands_for_is_told_only_when_that_one_has_ended():
    played = Played().after(MINUTE, Group(UPSTREAM)).after(DAY)
    assert (played.alert.state, played.calls) == (State.ACTIVE, [])
    played.after(HOUR, Group(None, 30 * MINUTE)).after(HOUR)
    assert played.told() == [("1 day, 1:31:00", "raised", 0)]


@pytest.mark.parametrize(
    ("make", "event"),
    [
        (Played, Acknowledge()),
        (Played, Close()),
        (Played, Shelve(START + DAY)),
        (lambda: active().after(HOUR, Close()), Acknowledge()),
        (lambda: active().after(HOUR, Close()), Close()),
        (lambda: active().after(HOUR, BELOW).after(HOUR), Shelve(START + 9 * DAY)),
        (active, Shelve(START)),
        (active, Leave(START)),
    ],
)
def test_what_cannot_be_done_is_refused(make, event):
    played = make()
    with pytest.raises(IllegalError):
        played.step(event)


LEVEL = st.integers(1, 4)
SPAN = st.integers(0, 3000).map(lambda minutes: minutes * MINUTE)
EVENTS = st.one_of(
    st.builds(Said, st.sampled_from(["above", "between", "below", "off"]), LEVEL),
    st.just(Acknowledge()),
    st.just(Close()),
    st.builds(lambda span: Shelve(START + span), SPAN),
    st.builds(lambda span: Leave(START + span), SPAN),
    st.sampled_from([Group(UPSTREAM), Group(None), Group(None, HOUR)]),
)


def play(level, events):
    played = Played(level)
    for span, event in events:
        try:
            played.after(span, event)
        except IllegalError:
            played.run()
    return played


@settings(max_examples=300, deadline=None)
@given(LEVEL, st.lists(st.tuples(SPAN, EVENTS), max_size=25))
def test_every_history_is_a_legal_path(level, events):
    played = play(level, events)
    assert all(then in LEGAL[was] for was, then in zip(played.path, played.path[1:], strict=False))


@settings(max_examples=300, deadline=None)
@given(LEVEL, st.lists(st.tuples(SPAN, EVENTS), max_size=25))
def test_no_step_is_told_twice_and_the_same_is_not_raised_within_half_an_hour(level, events):
    told, raised = set(), []
    for at, kind, loud, step in play(level, events).calls:
        if kind == "raised":
            assert all(at - before >= 30 * MINUTE or loud > said for before, said in raised[-1:])
            raised.append((at, loud))
            told.clear()
        elif kind == "escalated":
            assert step not in told
            told.add(step)


@settings(max_examples=300, deadline=None)
@given(LEVEL, st.lists(st.tuples(SPAN, EVENTS), max_size=25))
def test_nothing_stands_forever_once_its_condition_is_over(level, events):
    played = play(level, events)
    for _ in range(8):
        played.after(15 * MINUTE, BELOW)
    played.after(60 * DAY).after(MINUTE, BELOW).after(HOUR)
    assert played.alert.state in ENDED
    assert played.alert.due_at is None
    assert not played.alert.known


@settings(max_examples=200, deadline=None)
@given(LEVEL, st.lists(st.tuples(SPAN, EVENTS), max_size=25))
def test_what_was_told_to_stand_is_told_to_have_ended(level, events):
    known = False
    for _, kind, *_ in play(level, events).calls:
        known = kind != "cleared"
    assert play(level, events).alert.known == known


def test_the_table_of_ways_names_every_state_and_the_end_is_reached_from_each():
    assert set(LEGAL) == set(State)
    assert all(State.CLOSED in LEGAL[state] for state in STANDING)
    assert replace(Alert(State.CLOSED, START, 1), call_at=START, until=START).due_at is None
