"""The course of a notice through a chain of channels: which is next, when, and when the chain is gone through anew.

A channel that fails at once is tried a second time after a moment; one that is slow or hopeless is not. Then it is the
next one's turn, at once. When all have failed, the first is asked again later, and later.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from gateway.channels.notice import Notice
from gateway.channels.sending import Outcome
from gateway.channels.tables import Channel, Delivery
from gateway.channels.targets import LIGHTS

TRIES = 2  # of one channel before the next
QUICK_S = 2.0  # what failed within it is tried again
MOMENT_S = (0.5, 1.5)
FIRST_S, LONGEST_S = 5.0, 3600.0  # until a chain that failed whole is gone through again
REST_S = 60.0  # in which a channel that failed lets others go first


@dataclass(frozen=True, slots=True)
class Turn:
    """What is to be done next."""

    due_at: datetime
    spent: list[str]
    tries: int
    rounds: int


def suits(channel: Channel, notice: Notice, level: int, step: int) -> bool:
    """Whether this channel is for a notice that concerns those of this level and step."""
    wanted = channel.enabled and level >= channel.from_level and step >= channel.from_step
    return wanted and (channel.kind in LIGHTS or not notice.details.get("quiet"))


def named(suited: Sequence[Channel], names: Collection[str]) -> set[str]:
    """The chains that hold a channel of these names, or have one of them; all, where nobody has any of them."""
    found = {one.chain for one in suited if {one.name, one.chain} & set(names)}
    return found or {one.chain for one in suited}


def chosen(candidates: Sequence[Channel], delivery: Delivery, now: datetime) -> Channel | None:
    """The one in turn; where all of this round have failed, the first."""
    for one in candidates:
        if one.id == delivery.channel_id and delivery.tries and str(one.id) not in delivery.spent:
            return one
    left = [one for one in candidates if str(one.id) not in delivery.spent] or list(candidates)
    return min(left, key=lambda one: (_rests(one, now), one.place, one.name), default=None)


def lose(delivery: Delivery) -> None:
    """Whoever sent it went silent: a try like another, so that a channel that ends its sender is left in the end."""
    delivery.tries += 1
    if delivery.tries >= TRIES:
        delivery.spent = [*delivery.spent, str(delivery.channel_id)]


def after_failure(
    delivery: Delivery, candidates: Sequence[UUID], outcome: Outcome, took_s: float, now: datetime
) -> Turn:
    """What follows on a failure of the channel that the delivery names."""
    tries, spent = delivery.tries + 1, list(delivery.spent)
    if tries < TRIES and took_s < QUICK_S and not outcome.hopeless:
        return Turn(now + _moment(*MOMENT_S), spent, tries, delivery.rounds)
    spent.append(str(delivery.channel_id))
    if {str(one) for one in candidates} - set(spent):
        return Turn(now, spent, 0, delivery.rounds)
    wait_s = min(LONGEST_S, FIRST_S * 2.0 ** min(delivery.rounds, 20))
    return Turn(now + _moment(wait_s / 2, wait_s), [], 0, delivery.rounds + 1)


def rest(now: datetime) -> datetime:
    """Until when a channel that has failed lets others go first."""
    return now + timedelta(seconds=REST_S)


def _rests(channel: Channel, now: datetime) -> bool:
    return channel.rests_until is not None and channel.rests_until > now


def _moment(least: float, most: float) -> timedelta:
    return timedelta(seconds=random.uniform(least, most))  # noqa: S311 - jitter is no secret
