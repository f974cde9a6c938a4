"""What a channel is given to send, and how it says that it could not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.channels.notice import Notice
from gateway.channels.texts import Voice

CONNECT_S, ANSWER_S = 4.0, 4.0  # for each word to the other side
MOST_S = 9.0  # for all of them; whoever is not done then has failed


def unnoted() -> None:
    """Nobody wants to know the moment."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A notice for one channel. ``key`` is the same however often it is sent, so that a receiver can drop the second.

    ``again`` says that one may have arrived, ``lit`` is the level of what is not over, for lights. ``taken`` is called
    the moment that the other side has it all, but not for a light: what it shows may have to change meanwhile.
    """

    notice: Notice
    voice: Voice
    key: str
    again: bool
    lit: int
    cloud: bool
    taken: Callable[[], None] = unnoted


class SendError(Exception):
    """It was not sent, and why. ``unsure``: it may have arrived. ``hopeless``: the same again would fail as well."""

    def __init__(self, reason: str, *, unsure: bool = False, hopeless: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.unsure, self.hopeless = reason, unsure, hopeless
