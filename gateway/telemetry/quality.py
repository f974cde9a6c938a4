"""How far a unit's readings can be trusted: by point what is known, what was quarantined and why, and who is silent."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from bentos.fault.points import POINTS
from gateway.equipment import units
from gateway.telemetry import readings
from gateway.telemetry.rules import LIMITS, QUARANTINED

QUARTER_S = 900
MEANINGS = {
    "range": ("{n} readings lie outside of {low:g} to {high:g} {uom}.", "Check the sensor and its unit of measure."),
    "rate": ("{n} readings moved faster than air or water can.", "Look for a loose contact or a second sender."),
    "spike": ("{n} readings jumped away and back.", "Look for a loose contact or interference on the line."),
    "flat": ("{n} readings came from a value that stood still for {flat_h:g} hours.", "Check whether it is frozen."),
    "missing": ("{n} readings had no value.", "Look at the controller why it sends none."),
    "stale": ("Nothing came for more than {stale_h:g} hours.", "Check the gateway, the network and the controller."),
    "silent": ("Nothing has come yet.", "Look whether its series id is the one that is sent."),
}


class Defect(BaseModel):
    """Something that is wrong with a point's readings, how many it concerns, and what to do."""

    kind: str
    count: int
    message: str
    remedy: str


class PointQuality(BaseModel):
    """A point's readings in the time that was asked about; ``score`` is the share of quarter-hours known soundly."""

    point: str
    unit: str
    readings: int
    quarantined: int
    score: float = Field(ge=0, le=1)
    last_at: datetime | None
    last_value: float | None
    last_quality: str | None
    stale: bool
    defects: list[Defect]


class UnitQuality(BaseModel):
    """All points of a unit, the declared ones and those that have readings."""

    unit_id: str
    since: datetime
    until: datetime
    score: float = Field(ge=0, le=1, description="The mean of the points' scores.")
    points: list[PointQuality]


def judge(session: Session, unit_id: str, since: datetime, until: datetime, now: datetime) -> UnitQuality:
    """What is stored of the time from ``since`` to before ``until``, and how old the newest is ``now``."""
    counted = readings.counted(session, unit_id, since, until)
    known = readings.quarters(session, unit_id, since, until)
    newest = {row.point: row for row in readings.latest(session, unit_id)}
    names = sorted({*units.points_of(session, unit_id), *newest} & POINTS.keys())
    due = max(1, round((until - since).total_seconds() / QUARTER_S))
    points = []
    for name in names:
        by_quality = {quality: count for (point, quality), count in counted.items() if point == name}
        last = newest.get(name)
        silence = "silent" if last is None else "stale" if now - last.at > LIMITS[name].stale else None
        shown = PointQuality(
            point=name,
            unit=readings.uom(name),
            readings=sum(by_quality.values()),
            quarantined=sum(count for quality, count in by_quality.items() if quality in QUARANTINED),
            score=min(1.0, round(len(known.get(name, ())) / due, 4)),
            last_at=last.at if last else None,
            last_value=last.value if last else None,
            last_quality=last.quality if last else None,
            stale=silence is not None,
            defects=_defects(name, by_quality | ({silence: 1} if silence else {})),
        )
        points.append(shown)
    score = round(sum(point.score for point in points) / len(points), 4) if points else 0.0
    return UnitQuality(unit_id=unit_id, since=since, until=until, score=score, points=points)


def _defects(name: str, counts: dict[str, int]) -> list[Defect]:
    limits, found = LIMITS[name], []
    flat_h = limits.flat.total_seconds() / 3600 if limits.flat else 0.0
    said = {"low": limits.low, "high": limits.high, "uom": readings.uom(name), "flat_h": flat_h}
    said["stale_h"] = limits.stale.total_seconds() / 3600
    for kind, (message, remedy) in MEANINGS.items():
        if n := counts.get(kind):
            found.append(Defect(kind=kind, count=n, message=message.format(n=n, **said), remedy=remedy))
    return found
