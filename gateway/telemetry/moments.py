"""Times as senders write them: RFC 3339 with an offset, or local time of a zone that is named once for all."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

WITH_OFFSET = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)")
LOCAL = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?")


class MomentError(ValueError):
    """No moment; ``reason`` is one of the remedies' words."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Moments:
    """Reads times, each text once: a batch has few different ones."""

    def __init__(self, zone: ZoneInfo | None = None) -> None:
        self._zone = zone
        self._known: dict[str, datetime] = {}

    def read(self, text: object) -> datetime:
        """As UTC. Raises ``MomentError``."""
        if type(text) is not str:
            raise MomentError("time", "The time is missing or is no text.")
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = self._read(text)
        return found

    def _read(self, text: str) -> datetime:
        local = LOCAL.fullmatch(text) is not None
        if not WITH_OFFSET.fullmatch(text) and (self._zone is None or not local):
            raise MomentError("time", "The time has no offset." if local else "This is no time.")
        try:
            found = datetime.fromisoformat(text.upper())
            if local and self._zone is not None:
                return _in_zone(found, self._zone)
            return found.astimezone(UTC)
        except (ValueError, OverflowError) as wrong:
            raise wrong if isinstance(wrong, MomentError) else MomentError("time", "There is no such time.") from None


def _in_zone(naive: datetime, zone: ZoneInfo) -> datetime:
    first, second = (naive.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        raise MomentError("time-unclear", f"In {zone.key} the clocks are changed at this time.")
    return first.astimezone(UTC)
