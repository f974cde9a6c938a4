"""P16: ``python -m loadtests.telemetry`` sends readings to a gateway of its own, as fast as they are taken.

P16: points a second where each request has one reading of each of 19 points of 100 units, as lists of records; P16b:
where it has an hour of one unit on one axis of times. Rates are those of the slowest round; 100 units of 20 points a
minute are 33.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from bentos.fault.points import CONVERSIONS, POINTS
from loadtests.servers import Running, Starter
from loadtests.slo import VoidError
from training.measured import record

COMMAND = "python -m loadtests.telemetry"
UNITS, SECONDS, ROUNDS = 100, 20.0, 3
MINUTE = timedelta(minutes=1)
VALUES = {name: (point.low + point.high) / 2 for name, point in POINTS.items()}

Bodies = Iterator[tuple[bytes, int]]


def main(words: Sequence[str] | None = None) -> int:
    """Exit 0, or 2 where a run is void; figures of short runs are printed and not written."""
    asked = _options().parse_args(words)
    try:
        with tempfile.TemporaryDirectory(prefix="telemetry") as folder, ExitStack() as stack:
            start = Starter(Path(folder), stack)
            knobs = {"FOREWATT_INFERENCE_URL": start.inference().url, "FOREWATT_RATE_LIMIT": "off"}
            gateway = start.gateway(**knobs, FOREWATT_METRICS_PORT="0")
            figures = _figures(gateway, asked.seconds)
    except VoidError as why:
        print(f"void: {why}")
        return 2
    print("\n".join(f"{name}: {value:.0f}" for name, value in figures.items()))
    if asked.measured and asked.seconds >= SECONDS:
        record(asked.measured, figures, COMMAND)
    return 0


def _figures(gateway: Running, seconds: float) -> dict[str, float]:
    with httpx.Client(base_url=gateway.url, headers=gateway.right, timeout=60, trust_env=False) as client:
        for n in range(UNITS):
            _declare(client, f"u{n}")
        first = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=90)
        rates = {}
        for name, make in {"P16": _lists, "P16b": _axes}.items():
            bodies = make(first)
            rounds = [_rate(client, bodies, seconds) for _ in range(ROUNDS)]
            print(f"{name}: {', '.join(f'{rate:.0f}' for rate in rounds)} points a second", flush=True)
            rates[name] = min(rounds)
            first += timedelta(days=45)
    return rates


def _declare(client: httpx.Client, unit: str) -> None:
    points = {name: {"unit": next(iter(CONVERSIONS[point.quantity]))} for name, point in POINTS.items()}
    answer = client.put(f"/api/v1/units/{unit}", json={"name": unit, "kind": "AHU", "points": points})
    if not answer.is_success:
        raise VoidError(answer.text)


def _rate(client: httpx.Client, bodies: Bodies, seconds: float) -> float:
    """Readings that were answered for as stored, in a second."""
    began, stored = time.monotonic(), 0
    while (took := time.monotonic() - began) < seconds:
        body, wanted = next(bodies)
        answer = client.post("/api/v1/telemetry", content=body, headers={"Content-Type": "application/json"})
        if answer.status_code != 200 or answer.json()["accepted"] != wanted:
            raise VoidError(f"{answer.status_code}: {answer.text[:300]}")
        stored += wanted
    return stored / took


def _lists(first: datetime) -> Bodies:
    """A minute of all units."""
    for minute in range(10**6):
        at = (first + minute * MINUTE).isoformat()
        rows = [
            {"unit_id": f"u{n}", "point": name, "at": at, "value": round(value + (minute + n) % 10 / 10, 1)}
            for n in range(UNITS)
            for name, value in VALUES.items()
        ]
        yield json.dumps(rows).encode(), len(rows)


def _axes(first: datetime) -> Bodies:
    """An hour of one unit after the other."""
    for n in range(10**6):
        hour, unit = divmod(n, UNITS)
        times = [(first + timedelta(hours=hour) + minute * MINUTE).isoformat() for minute in range(60)]
        points = {name: [round(value + minute % 10 / 10, 1) for minute in range(60)] for name, value in VALUES.items()}
        body = json.dumps({"unit_id": f"u{unit}", "times": times, "points": points})
        yield body.encode(), 60 * len(points)


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    options.add_argument("--seconds", type=float, default=SECONDS, help="of each of three rounds (%(default)s)")
    options.add_argument("--measured", type=Path, help="docs/measured.json, to write the figures there")
    return options


if __name__ == "__main__":
    sys.exit(main())
