"""Times as models and tables write them: RFC 3339, or by the clock on the wall of a zone."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

_PLAIN = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?$")


def moment(text: str, zone: ZoneInfo | None = None) -> datetime | None:
    """The time, in the zone where it says none itself; nothing where it is none. 2018/1/1 1:00 is one."""
    if found := _PLAIN.match(text.strip()):
        try:
            return datetime(*(int(part or 0) for part in found.groups()), tzinfo=zone)  # type: ignore[arg-type, misc]
        except ValueError:
            return None
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return None
