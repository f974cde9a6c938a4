"""One alert on a clock: what happens to it, what it is then, and who is to be told. Nothing is read or stored here.

An alert that nobody has acknowledged calls for people, one that is shelved or out of service comes back by itself, and
every delay ends at a moment and not after a number of messages.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from datetime import datetime

from gateway.alerts.lifecycle import (
    CALLING,
    LEGAL,
    LIVE,
    STANDING,
    UNTOLD,
    Acknowledge,
    Alert,
    Call,
    Close,
    Event,
    Group,
    IllegalError,
    Leave,
    Rules,
    Said,
    Shelve,
    State,
    Tick,
)

Outcome = tuple[Alert, Call | None]


def begin(level: int, now: datetime, rules: Rules, before: Alert | None = None) -> Alert:
    """A new one; what people were told ``before`` on the same key counts."""
    new = Alert(State.PENDING, now, level, until=now + rules.on_delay[level])
    return replace(new, told_level=before.told_level, told_at=before.told_at) if before else new


def fresh(alert: Alert, said: Said, now: datetime, rules: Rules) -> bool:
    """Whether a condition begins a new alert and leaves this one to history."""
    if said.zone != "above":
        return False
    if alert.state == State.CLEARED:
        return alert.raised_at is not None and now - alert.since >= rules.quiet
    if alert.state == State.CLOSED:
        rearmed = alert.until is not None and now >= alert.until
        return rearmed or said.level > alert.told_level or now - alert.since >= rules.rest
    return False


def step(alert: Alert, event: Event, now: datetime, rules: Rules) -> Outcome:
    """What the alert is after the event, and who is to be told. Raises ``IllegalError``.

    A ``Tick`` does one thing that is due; where ``due_at`` is not after ``now`` then, there is more to do.
    """
    match event:
        case Said():
            return _said(alert, event, now, rules)
        case Tick():
            return _tick(alert, now, rules)
        case Close():
            return _close(alert, now, rules)
    return _moved(alert, event, now, rules), None


def _moved(alert: Alert, event: Acknowledge | Shelve | Leave | Group, now: datetime, rules: Rules) -> Alert:
    """What tells nobody anything."""
    match event:
        case Acknowledge():
            return _acknowledge(alert, now, rules)
        case Shelve():
            return _shelve(alert, event.until, now)
        case Leave():
            return _leave(alert, event.until, now)
        case Group():
            return _group(alert, event, now, rules)


def _said(alert: Alert, said: Said, now: datetime, rules: Rules) -> Outcome:
    if said.zone == "off":
        return _stood_still(alert, now)
    level = said.level if said.zone == "above" else alert.level
    heard = replace(alert, holds=said.zone != "below", level=level)
    if heard.state in STANDING:
        return _said_of_standing(heard, now, rules)
    match heard.state:
        case State.PENDING | State.CLEARED:
            return _said_before(heard, said, now, rules)
        case State.SHELVED if heard.holds and level > heard.told_level:
            return replace(heard, until=now), None
        case State.CLOSED:
            return replace(heard, until=None if heard.holds else heard.until or now + rules.off_delay), None
    return heard, None


def _said_before(heard: Alert, said: Said, now: datetime, rules: Rules) -> Outcome:
    """Of what is not raised yet, or not any more."""
    delay, above = rules.on_delay[heard.level], said.zone == "above"
    if heard.state == State.PENDING:
        return (replace(heard, until=heard.since + delay), None) if above else _ended(heard, State.CLEARED, now)
    return (_to(heard, State.PENDING, now, until=now + delay, acknowledged_at=None) if above else heard), None


def _said_of_standing(heard: Alert, now: datetime, rules: Rules) -> Outcome:
    if heard.state == State.CLEARING:
        back = State.ACKNOWLEDGED if heard.acknowledged_at else State.ACTIVE
        return _louder(_to(heard, back, now), now, rules) if heard.holds else (heard, None)
    return (
        _louder(heard, now, rules)
        if heard.holds
        else (_to(heard, State.CLEARING, now, until=now + rules.off_delay), None)
    )


def _stood_still(alert: Alert, now: datetime) -> Outcome:
    """A unit that does not run proves nothing: what is pending ends, what stands calls nobody meanwhile."""
    if alert.state == State.PENDING:
        return _ended(replace(alert, holds=False), State.CLEARED, now)
    return (replace(alert, call_at=None) if alert.state in CALLING else alert), None


def _louder(alert: Alert, now: datetime, rules: Rules) -> Outcome:
    """A level that people do not know of yet is news, also to who has acknowledged."""
    if alert.parent is not None:
        return alert, None
    if alert.level > alert.told_level:
        unheard = alert if alert.state == State.ACTIVE else _to(alert, State.ACTIVE, now)
        return _ring(replace(unheard, acknowledged_at=None), now, rules)
    return (_resumed(alert, now, rules) if alert.call_at is None else alert), None


def _resumed(alert: Alert, now: datetime, rules: Rules) -> Alert:
    """The unit runs again: the ladder goes on where it was left."""
    if alert.state == State.ACTIVE and alert.step == UNTOLD:
        return replace(alert, call_at=now)
    ladder = rules.ladder[max(alert.told_level, 1)]
    if alert.state == State.ACKNOWLEDGED or alert.step + 1 >= len(ladder):
        return replace(alert, call_at=now + rules.remind)
    return replace(alert, call_at=now + ladder[alert.step + 1] - ladder[alert.step])


def _tick(alert: Alert, now: datetime, rules: Rules) -> Outcome:
    if alert.due_at is None or alert.due_at > now:
        return alert, None
    match alert.state:
        case State.ACTIVE | State.ACKNOWLEDGED:
            return _next_call(alert, now, rules)
        case State.PENDING:
            raised = _to(alert, State.ACTIVE, now, raised_at=now, step=UNTOLD, call_at=None)
            return (raised, None) if raised.parent else _ring(raised, now, rules)
        case State.SHELVED if alert.holds:
            back = _to(alert, State.ACTIVE, now, acknowledged_at=None)
            return (back, None) if back.parent else _ring(back, now, rules)
        case State.OUT_OF_SERVICE if alert.holds:
            again = now + rules.on_delay[alert.level]
            return _to(alert, State.PENDING, now, until=again, acknowledged_at=None), None
    return _ended(alert, State.CLEARED, now)


def _next_call(alert: Alert, now: datetime, rules: Rules) -> Outcome:
    if alert.state == State.ACTIVE and alert.step == UNTOLD:
        return _ring(alert, now, rules)
    ladder = rules.ladder[max(alert.told_level, 1)]
    if alert.state == State.ACKNOWLEDGED or alert.step + 1 >= len(ladder):
        return replace(alert, call_at=now + rules.remind), Call("reminder", alert.level, max(alert.step, 0))
    climbed = replace(alert, step=alert.step + 1)
    return replace(climbed, call_at=_after(climbed, now, rules)), Call("escalated", alert.level, climbed.step)


def _ring(alert: Alert, now: datetime, rules: Rules) -> Outcome:
    """Tell people, or do so as soon as what they heard last is long enough ago."""
    if alert.told_at and alert.level <= alert.told_level and now < alert.told_at + rules.quiet:
        return replace(alert, step=UNTOLD, call_at=alert.told_at + rules.quiet), None
    told = replace(alert, step=0, told_at=now, told_level=alert.level, known=True)
    return replace(told, call_at=_after(told, now, rules)), Call("raised", alert.level, 0)


def _after(alert: Alert, now: datetime, rules: Rules) -> datetime:
    ladder, base = rules.ladder[max(alert.told_level, 1)], alert.told_at or now
    return base + ladder[alert.step + 1] if alert.step + 1 < len(ladder) else now + rules.remind


def _acknowledge(alert: Alert, now: datetime, rules: Rules) -> Alert:
    _only(alert, STANDING)
    known = replace(alert, told_level=max(alert.told_level, alert.level), acknowledged_at=alert.acknowledged_at or now)
    known = replace(known, call_at=None if known.parent else now + rules.remind)
    return _to(known, State.ACKNOWLEDGED, now) if alert.state == State.ACTIVE else known


def _shelve(alert: Alert, until: datetime, now: datetime) -> Alert:
    if until <= now:
        _only(alert, {State.SHELVED})
        return replace(alert, until=now)
    _only(alert, STANDING | {State.SHELVED})
    known = replace(alert, told_level=max(alert.told_level, alert.level), call_at=None)
    return _to(known, State.SHELVED, now, until=until)


def _leave(alert: Alert, until: datetime, now: datetime) -> Alert:
    if until <= now:
        _only(alert, {State.OUT_OF_SERVICE})
        return replace(alert, until=now)
    _only(alert, LIVE | {State.PENDING})
    return _to(replace(alert, call_at=None), State.OUT_OF_SERVICE, now, until=until)


def _close(alert: Alert, now: datetime, rules: Rules) -> Outcome:
    _only(alert, LIVE | {State.CLEARED})
    known = replace(alert, told_level=max(alert.told_level, alert.level))
    closed, call = _ended(known, State.CLOSED, now)
    over_at = now if alert.state == State.CLEARED else now + rules.off_delay
    return replace(closed, until=None if alert.holds else over_at), call


def _group(alert: Alert, event: Group, now: datetime, rules: Rules) -> Alert:
    if event.parent is not None:
        return replace(alert, parent=event.parent, call_at=None)
    alone = replace(alert, parent=None)
    match alone.state:
        case State.ACTIVE:
            return replace(alone, step=UNTOLD, call_at=now + event.after)
        case State.ACKNOWLEDGED:
            return replace(alone, call_at=now + rules.remind)
    return alone


def _ended(alert: Alert, state: State, now: datetime) -> Outcome:
    """Who was told that it stood hears that it does not any more."""
    call = Call("cleared", alert.level, max(alert.step, 0)) if alert.known else None
    return _to(alert, state, now, step=UNTOLD, call_at=None, parent=None, known=False), call


def _to(alert: Alert, state: State, now: datetime, **more: object) -> Alert:
    if state != alert.state and state not in LEGAL[alert.state]:
        raise IllegalError(f"What is {alert.state} does not become {state}.")
    return replace(alert, state=state, since=now, **({"until": None} | more))  # type: ignore[arg-type]


def _only(alert: Alert, states: Set[State]) -> None:
    if alert.state not in states:
        raise IllegalError(f"This is not done to an alert that is {alert.state}.")
