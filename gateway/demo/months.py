"""`python -m gateway.demo.months MODEL TABLE`: the months of a real unit, lived through once more in minutes.

Servers of its own read the Brick model and the table and predict every interval, from what was known then. Then time
goes by once more on a clock of its own, and every alert that people would have been told of is listed in a page.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from gateway.alerts.findings import Finding
from gateway.demo import page, replayed, system
from gateway.demo.__main__ import CANDIDATE
from gateway.demo.system import done
from gateway.equipment.history import Message, Switch, Values, messages, of_table, switch
from gateway.faults.slots import floor

COMMAND, SHARED = "python -m gateway.demo.months", "FOREWATT_SHARED"
OLD = {"FOREWATT_RETENTION_DAYS": "36500", "FOREWATT_CATCH_UP_DAYS": "366", "FOREWATT_RATE_LIMIT": "off"}
ANSWERED = timedelta(hours=1)  # until somebody who is told has acknowledged
STUCK_S = 120.0  # without one more prediction
MOST = 500


@dataclass(frozen=True)
class Asked:
    """Whose months, and of how many days the unit's healthy reference is made."""

    command: str
    model: Path
    table: Path
    zone: ZoneInfo
    on: Sequence[Switch]
    interval_s: int
    healthy: timedelta
    days: timedelta | None


def main(words: list[str] | None = None) -> int:
    """Exit 1 where the system would not do it."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("model", type=Path, help="a Brick model that names the table's columns in its labels")
    parser.add_argument("table", type=Path, help="a CSV with a column for each of its points")
    parser.add_argument("--zone", type=ZoneInfo, default=ZoneInfo("UTC"), help="of the table's times")
    parser.add_argument("--on", type=switch, action="append", default=[], metavar="POINT=COLUMN>NUMBER")
    parser.add_argument("--interval-s", type=int, default=3600, help="from one prediction to the next (%(default)s)")
    parser.add_argument("--healthy-days", type=float, default=28, help="at the table's begin; 0 for no reference")
    parser.add_argument("--days", type=float, help="of the table, instead of all")
    parser.add_argument("--artifact", type=Path, default=CANDIDATE, help="a fault model's")
    parser.add_argument("--out", type=Path, help="the page, where it is to be written")
    said = parser.parse_args(words)
    days = None if said.days is None else timedelta(days=said.days)
    command = shown(sys.argv[1:] if words is None else words)
    healthy = timedelta(days=said.healthy_days)
    asked = Asked(command, said.model, said.table, said.zone, said.on, said.interval_s, healthy, days)
    began = time.monotonic()
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="months-")))
            told = _live(stack.enter_context(system.running(folder, said.artifact, **OLD)), asked)
    except RuntimeError as why:
        sys.stderr.write(f"{why}\n")
        return 1
    written = page.written(told, asked.zone)
    if said.out:
        said.out.write_text(written)
    else:
        sys.stdout.write(written)
    lived = told.rows[-1][0] - told.rows[0][0]
    sys.stderr.write(f"{lived.days} days in {time.monotonic() - began:.0f} s\n")
    return 0


def shown(words: Sequence[str]) -> str:
    """The command as anybody can give it: the folder of shared data stands under its name."""
    shared = os.environ.get("FOREWATT_SHARED", "")
    said = [f"${SHARED}{word.removeprefix(shared)}" if shared and word.startswith(shared) else word for word in words]
    return f"{COMMAND} {' '.join(word if word.startswith('$') else shlex.quote(word) for word in said)}"


def _live(client: httpx.Client, asked: Asked) -> page.Told:
    """The whole way, as anybody would go it over HTTP."""
    unit, uploaded = _declare(client, asked)
    interval, columns = timedelta(seconds=unit["interval_s"]), _columns(unit)
    days = _days(asked, unit["id"], columns)
    rows = [(datetime.fromisoformat(at), values) for day in days for at, values in _rows(day)]
    counts: Counter[str] = Counter()
    healthy_until = last = None
    for day in days:
        if asked.healthy and last and not healthy_until and last >= rows[0][0] + asked.healthy:
            healthy_until = last
            _wait(client, unit["id"], floor(last, interval))
            period = {"since": rows[0][0].isoformat(), "until": last.isoformat()}
            done(client.post(f"/api/v1/units/{unit['id']}/healthy", json=period))
        counts += _send(client, day)
        last = datetime.fromisoformat(day["times"][-1])
    _wait(client, unit["id"], floor(rows[-1][0], interval))
    findings = [Finding.of(answer) for answer in _predictions(client, unit["id"])]
    if not findings:
        raise RuntimeError("There was too little to predict anything.")
    gaps = replayed.silences(unit["id"], [at for at, _ in rows], interval)
    past, calm = (replayed.play(findings, gaps, rows[-1][0] + interval, after) for after in (None, ANSWERED))
    return page.Told(asked.command, unit, uploaded, asked.on, rows, healthy_until, counts, findings, past, calm)


def _columns(unit: dict[str, Any]) -> dict[str, str]:
    return {said["series_id"]: point for point, said in unit["points"].items()}


def _rows(day: Message) -> Iterator[tuple[str, Values]]:
    for place, at in enumerate(day["times"]):
        said = {point: values[place] for point, values in day["points"].items()}
        yield at, {point: value for point, value in said.items() if value is not None}


def _declare(client: httpx.Client, asked: Asked) -> tuple[dict[str, Any], dict[str, Any]]:
    """The one unit of the model, with the points that are made of a column."""
    sent = {"file": (asked.model.name, asked.model.read_bytes())}
    uploaded = done(client.post("/api/v1/equipment/brick", params={"ids": "label"}, files=sent)).json()
    (found,) = uploaded["units"]
    place = f"/api/v1/units/{found['id']}"
    for one in asked.on:
        done(client.put(f"{place}/points/{one.point}", json={"unit": "1"}))
    kept = done(client.get(place)).json()
    same = {name: kept[name] for name in ("name", "kind", "place", "fed_by")}
    whole = same | {"zone": asked.zone.key, "interval_s": asked.interval_s, "points": kept["points"]}
    return done(client.put(place, json=whole)).json(), found


def _days(asked: Asked, unit: str, columns: dict[str, str]) -> list[Message]:
    lines = asked.table.read_text("utf-8-sig").splitlines(keepends=True)
    days = list(messages(of_table(lines, columns, asked.on), unit, asked.zone))
    if asked.days is None:
        return days
    end = datetime.fromisoformat(days[0]["times"][0]) + asked.days
    return [day for day in days if datetime.fromisoformat(day["times"][-1]) < end]


def _send(client: httpx.Client, day: Message) -> Counter[str]:
    said = done(client.post("/api/v1/telemetry", json=day)).json()
    return Counter({word: count for word, count in said.items() if isinstance(count, int)})


def _wait(client: httpx.Client, unit: str, at: datetime) -> None:
    """Until all before it is predicted, or could not be."""
    seen, moved = "", time.monotonic()
    while time.monotonic() - moved < STUCK_S:
        said = done(client.get(f"/api/v1/units/{unit}/predictions", params={"limit": 1})).json()["done_until"] or ""
        if said and datetime.fromisoformat(said) >= at:
            return
        if said != seen:
            if said[:10] != seen[:10]:
                sys.stderr.write(f"predicted until {said}\n")
            seen, moved = said, time.monotonic()
        time.sleep(1)
    raise RuntimeError(f"There is no prediction after {seen or 'the first reading'} in {STUCK_S:.0f} s.")


def _predictions(client: httpx.Client, unit: str) -> list[dict[str, Any]]:
    """All answers, the oldest first."""
    found: list[dict[str, Any]] = []
    where: str | None = f"/api/v1/units/{unit}/predictions?details=true&limit={MOST}"
    while where:
        said = done(client.get(where))
        found += [made["answer"] for made in said.json()["items"]]
        where = said.links.get("next", {}).get("url")
    return found[::-1]


if __name__ == "__main__":
    sys.exit(main())
