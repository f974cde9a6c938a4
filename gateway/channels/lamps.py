"""What an alarm light shows: nothing, a steady light, or a flashing one, by the highest level that is not over."""

from __future__ import annotations

from typing import Literal

State = Literal["off", "on", "flashing"]


def state(level: int, flashing_from: int) -> State:
    """By the level; from one on it flashes."""
    if level <= 0:
        return "off"
    return "flashing" if level >= flashing_from else "on"
