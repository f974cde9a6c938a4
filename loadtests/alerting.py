"""P15: ``python -m loadtests.alerting`` lets the fans of many units fail one after another, and waits for each mail.

P15 is the 95th percentile of the seconds from the request that brings the reading to the mail server that has taken
the alert; a hundred say nothing of the 99th. Servers, units and mail are its own; so that what is measured is the way
and not the waiting that people want, no alert has to hold for a while first.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np

from bentos.registry import publish, set_current
from gateway.demo import mailbox
from gateway.demo.mailbox import Mailbox
from loadtests.servers import Starter, free_port
from training.measured import record

COMMAND = "python -m loadtests.alerting"
CANDIDATE = Path("bentos/fault/candidate")
PASSWORD = "measured-and-gone"  # noqa: S105 - of a gateway that lives for a minute
QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)
HISTORY = timedelta(hours=30)
PATIENCE_S = 60.0
RUNNING = {
    "outdoor_air_temperature": (14.0, "Cel"),
    "return_air_temperature": (22.0, "Cel"),
    "mixed_air_temperature": (19.5, "Cel"),
    "supply_air_temperature": (14.1, "Cel"),
    "supply_air_temperature_setpoint": (14.0, "Cel"),
    "supply_fan_status": (1.0, "1"),
    "supply_fan_speed": (60.0, "%"),
    "outdoor_damper_position": (30.0, "%"),
    "cooling_valve_position": (35.0, "%"),
    "heating_valve_position": (0.0, "%"),
}


def main() -> int:
    """1 where an alert did not come."""
    options = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    options.add_argument("--units", type=int, default=100)
    options.add_argument("--measured", type=Path, help="docs/measured.json, to write the figures there")
    asked = options.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="alerting")))
        port = free_port()
        letters = stack.enter_context(mailbox.opened(port))
        client = _system(folder, stack)
        took = _measure(client, letters, port, asked.units)
    if not took:
        print("No alert came.")
        return 1
    found = {"P15": float(np.percentile(took, 95))}
    print(f"{len(took)} of {asked.units} alerts came; half of them within {np.median(took):.2f} s", found)
    if asked.measured and len(took) == asked.units:
        record(asked.measured, found, COMMAND)
    return 0 if len(took) == asked.units else 1


def _system(folder: Path, stack: ExitStack) -> httpx.Client:
    start = Starter(folder, stack)
    models = folder / "data" / "models"
    models.mkdir(mode=0o700, parents=True)
    set_current(models, "fault", publish(models, CANDIDATE).name)
    inference = start.inference()
    more = {"FOREWATT_INFERENCE_URL": inference.url, "FOREWATT_RATE_LIMIT": "off", "FOREWATT_ADMIN_PASSWORD": PASSWORD}
    url = start.gateway(**more).url
    client = stack.enter_context(httpx.Client(base_url=url, timeout=60, trust_env=False))
    login = _done(client.post("/api/auth/login", json={"username": "admin", "password": PASSWORD}))
    client.headers["Authorization"] = f"Bearer {login.json()['token']}"
    return client


def _measure(client: httpx.Client, letters: Mailbox, port: int, units: int) -> list[float]:
    """Seconds for each alert that came."""
    target = {"host": mailbox.HOST, "port": port, "security": "none", "sender": "a@example.org"}
    channel = {"name": "mail", "kind": "email", "target": target | {"recipients": ["b@example.org"]}}
    _done(client.post("/api/v1/channels", json=channel))
    at_once = {"on_delay_s": [0, 0, 0, 0], "off_delay_s": 0}
    _done(client.put("/api/v1/alerts/thresholds", json={"threshold": at_once}))
    _done(client.put("/api/v1/alerts/policy", json={"policy": {"singles": 100, "window_s": 60}}))
    # An hour ago, so that nobody predicts this slot before its last reading is there.
    fails = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - HOUR - 2 * QUARTER
    names = [f"ahu-{number}" for number in range(units)]
    for name in names:
        points = {point: {"unit": unit} for point, (_, unit) in RUNNING.items()}
        _done(client.put(f"/api/v1/units/{name}", json={"interval_s": 3600, "points": points}))
        _send(client, name, fails - HISTORY, fails)
    for name in names:
        _wait_until_predicted(client, name, fails - HOUR)
    return [took for name in names if (took := _until_told(client, letters, name, fails)) is not None]


def _until_told(client: httpx.Client, letters: Mailbox, name: str, fails: datetime) -> float | None:
    began = time.monotonic()
    _send(client, name, fails, fails + 3 * QUARTER, supply_fan_status=0.0)
    while time.monotonic() < began + PATIENCE_S:
        if any(name in letter["Subject"].split() for letter in letters.arrived()):
            return time.monotonic() - began
        time.sleep(0.005)
    return None


def _wait_until_predicted(client: httpx.Client, name: str, slot: datetime) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        said = _done(client.get(f"/api/v1/units/{name}/predictions", params={"limit": 1})).json()["done_until"]
        if said and datetime.fromisoformat(said) >= slot:
            return
        time.sleep(0.2)
    raise SystemExit(f"{name} was not predicted in {PATIENCE_S:.0f} s.")


def _send(client: httpx.Client, name: str, since: datetime, until: datetime, **other: float) -> None:
    times = [since + k * QUARTER for k in range((until - since) // QUARTER)]
    said = {
        point: {"unit": unit, "values": _values(other.get(point, value), unit, times)}
        for point, (value, unit) in RUNNING.items()
    }
    body = {"unit_id": name, "times": [at.isoformat() for at in times], "points": said}
    _done(client.post("/api/v1/telemetry", json=body))


def _values(value: float, unit: str, times: list[datetime]) -> list[float]:
    """A sound temperature sensor moves."""
    moves = 0.3 if unit == "Cel" else 0.0
    return [round(value + moves * math.sin(at.timestamp() / 3000), 2) for at in times]


def _done(response: httpx.Response) -> httpx.Response:
    if response.is_error:
        raise SystemExit(f"{response.request.method} {response.request.url.path}: {response.text[:500]}")
    return response


if __name__ == "__main__":
    sys.exit(main())
