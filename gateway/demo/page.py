"""The page that `python -m gateway.demo.months` writes: what was read, every alert, and what that says and what not."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from gateway.alerts.findings import Finding
from gateway.channels.evidence import LAWS
from gateway.demo.replayed import Past, Raised
from gateway.equipment.history import Switch, Values

LEVELS = ("none", "notice", "warning", "urgent", "critical")
DAY = timedelta(days=1)
MOVES = "temperature"

Rows = Sequence[tuple[datetime, Values]]


@dataclass(frozen=True)
class Told:
    """Everything that the page tells."""

    command: str
    unit: Mapping[str, Any]  # as the gateway shows it
    uploaded: Mapping[str, Any]  # as its model was understood
    on: Sequence[Switch]
    rows: Rows
    healthy_until: datetime | None
    counts: Mapping[str, int]
    findings: Sequence[Finding]
    past: Past  # where nobody acknowledges anything
    calm: Past  # where somebody does within an hour


@dataclass(frozen=True)
class Still:
    """A point that said exactly the same for so long."""

    point: str
    value: float
    since: datetime
    until: datetime


def still(rows: Rows) -> list[Still]:
    """Stretches of a day or more in which a temperature did not move at all, seen without any model."""
    found = []
    for point in sorted({name for _, values in rows for name in values if name.endswith(MOVES)}):
        said = [(at, values[point]) for at, values in rows if point in values]
        for value, stretch in groupby(said, key=lambda one: one[1]):
            times = [at for at, _ in stretch]
            if times[-1] - times[0] >= DAY:
                found.append(Still(point, value, times[0], times[-1]))
    return found


def written(told: Told, zone: ZoneInfo) -> str:
    """As Markdown."""
    return "\n".join([*_head(told, zone), *_alerts(told, zone), *_meaning(told, zone), *_points(told)]) + "\n"


def _head(told: Told, zone: ZoneInfo) -> Iterator[str]:
    since, until, levels = told.rows[0][0], told.rows[-1][0], Counter(one.level for one in told.findings)
    counted = ", ".join(f"{levels[level]:,} times level {level} ({LEVELS[level]})" for level in sorted(levels))
    yield f"# What would have been said of {told.unit['name']}, a real air handler?"
    yield f"\nMade by\n\n```sh\n{told.command}\n```\n"
    yield _filled(
        f"Its Brick model and its table of {_day(since, zone)} to {_day(until, zone)} went over HTTP into a system of "
        f"their own: {len(told.rows):,} rows, {told.counts.get('accepted', 0):,} readings taken, "
        f"{told.counts.get('quarantined', 0)} of them put into quarantine. The unit was predicted "
        f"{len(told.findings):,} times, every {told.unit['interval_s'] // 60} minutes, from what was known then, by "
        f"`{told.findings[-1].version}`: {counted}. Then the months went by once more on a clock of their own, and "
        "what raises alerts in a running system raised these, by the thresholds and the policy that the program has.\n"
    )


def _alerts(told: Told, zone: ZoneInfo) -> Iterator[str]:
    yield f"\n## {len(told.past.alerts)} alerts, and {len(told.past.silences)} of silence\n"
    yield _filled(
        "Times are local. The chance is of a loss of function within 72 hours: in the prediction that the alert began "
        "with, and the highest while it stood; what rules see for certain is told whatever the chance. Evidence is "
        "what the most predictions named meanwhile."
    )
    yield "\n| raised | hours | fault | level | chance | highest | evidence |"
    yield "|---|---|---|---|---|---|---|"
    for one in sorted([*told.past.alerts, *told.past.silences], key=attrgetter("begin")):
        yield _line(one, zone)
    texts = dict(text.split(": ", 1) for one in told.past.alerts for text in one.evidence)
    yield "\n" + "\n".join(f"- `{code}`: {_in_words(code, text)}" for code, text in sorted(texts.items())) + "\n"
    kinds = Counter(notice.kind for notice in told.past.notices)
    counted = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
    yield _filled(
        f"In {_again(told.past.alerts)} of them a fault came back within a day of its end. Where nobody ever "
        f"acknowledges or closes an alert, people get {len(told.past.notices)} messages ({counted}); where somebody "
        f"acknowledges within an hour, {len(told.calm.notices)}."
    )


def _in_words(code: str, text: str) -> str:
    """Of a balance only what it concludes: its number is of one prediction."""
    return LAWS[code][0] if code in LAWS else text.rpartition(" in the median: ")[2]


def _again(alerts: Sequence[Raised]) -> int:
    return sum(
        any(
            other.row.fault == one.row.fault and other.end is not None and timedelta() <= one.begin - other.end < DAY
            for other in alerts
        )
        for one in alerts
    )


def _line(one: Raised, zone: ZoneInfo) -> str:
    hours = "stands" if one.end is None else f"{(one.end - one.begin) / timedelta(hours=1):.0f}"
    when = f"| {one.begin.astimezone(zone):%Y-%m-%d %H:%M} | {hours} |"
    if one.row.about == "silence":
        return f"{when} silence | {one.level} {LEVELS[one.level]} | | | no readings |"
    codes = ", ".join(f"`{text.split(': ', 1)[0]}`" for text in one.evidence)
    level = f"{one.level} {LEVELS[one.level]}"
    return f"{when} {one.row.fault or '?'} | {level} | {one.chance:.2f} | {one.peak:.2f} | {codes} |"


def _meaning(told: Told, zone: ZoneInfo) -> Iterator[str]:
    yield "\n## What this says, and what not\n"
    yield _filled(
        "- **Nobody has said what was wrong with this unit, and when.** So nothing here is a rate of true or false "
        "alerts: it is what people would have been told."
    )
    yield _filled(
        "- The model was fitted on simulated units alone and misses its gate on real days "
        "([its card](cards/fault/card.md)), which is why it is not released."
    )
    if told.healthy_until is not None:
        yield _filled(
            "- What the unit is like when healthy was learnt from its own readings until "
            f"{_day(told.healthy_until, zone)}. Nobody knows whether it was healthy then; before that day there was no "
            "reference at all."
        )
    yield from _checked(told, zone)
    for one in told.on:
        yield _filled(
            f"- `{one.point}` is not in the model: it counts as 1 while `{one.column}` is above {one.above:g}."
        )


def _checked(told: Told, zone: ZoneInfo) -> Iterator[str]:
    """What can be seen in the table itself, and whether an alert stood for it."""
    for one in still(told.rows):
        stuck = [alert for alert in told.past.alerts if alert.row.fault == "F-SEN-STUCK" and _meet(alert, one)]
        after = f"{(stuck[0].begin - one.since) / timedelta(hours=1):.0f} hours after it began" if stuck else "never"
        learnt = told.healthy_until is not None and one.since < told.healthy_until
        yield _filled(
            f"- One thing can be looked up in the table: `{one.point}` says exactly {one.value:.1f} from "
            f"{_day(one.since, zone)} to {_day(one.until, zone)}, {(one.until - one.since) / DAY:.0f} days. "
            f"`F-SEN-STUCK` was raised {after}."
            + (
                " It began in the weeks that were taken for healthy: the reference has learnt from it."
                if learnt
                else ""
            )
        )


def _meet(alert: Raised, found: Still) -> bool:
    return alert.begin <= found.until and (alert.end is None or alert.end >= found.since)


def _points(told: Told) -> Iterator[str]:
    yield "\n## Which column is which point, and what is missing?\n"
    yield "| column | is read as | in | recognised by |"
    yield "|---|---|---|---|"
    for point in told.uploaded["points"]:
        yield f"| {point['series_id']} | `{point['point']}` | {point['unit']} | its {point['how']} |"
    yield "\n| missing point | faults that it alone would add | what else it is good for |"
    yield "|---|---|---|"
    for point in told.unit["outlook"]["missing"]:
        yield f"| `{point['point']}` | {', '.join(point['adds'])} | {'; '.join(point['unlocks'])} |"


def _filled(text: str) -> str:
    more = "  " if text.startswith("- ") else ""
    return textwrap.fill(text, 120, subsequent_indent=more, break_long_words=False, break_on_hyphens=False)


def _day(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).date().isoformat()
