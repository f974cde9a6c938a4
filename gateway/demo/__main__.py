"""`python -m gateway.demo`: a simulated air-handling unit breaks slowly, and somebody is told in time.

Servers, unit and mail are of this demonstration alone; nothing is left of it. Exit 0 where one alert came by mail,
was acknowledged, and was over after the repair; else 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx

from gateway.demo import mailbox, player, system
from gateway.demo.mailbox import Mailbox
from gateway.demo.player import Story
from gateway.demo.system import done
from gateway.equipment.measures import allowed
from gateway.faults.slots import floor

# It is not released, since it has not proved itself on a real unit; on simulated ones it has.
CANDIDATE = Path(__file__).parents[2] / "bentos" / "fault" / "candidate"
UNIT, NAME = "ahu-1", "Air handling unit 1, simulated"
STEP = timedelta(hours=6)  # of the unit's time, from one prediction to the next
HEALTHY = timedelta(days=28)
PATIENCE_S = 20.0


def main() -> int:
    """1 where the story did not end as it should."""
    parser = argparse.ArgumentParser(prog="python -m gateway.demo", description=__doc__)
    parser.add_argument("--fault", default="F-FILTER", help="what breaks: a slow fault's code")
    parser.add_argument("--model", type=Path, default=CANDIDATE, help="a fault model's artifact")
    asked = parser.parse_args()
    began = time.monotonic()
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="forewatt-demo-")))
            letters = stack.enter_context(mailbox.opened(port := system.free_port()))
            _say("starting the servers and simulating a unit with EnergyPlus …")
            client = stack.enter_context(system.running(folder, asked.model))
            story = player.simulate(asked.fault, folder, datetime.now(UTC))
            kept = _play(client, letters, story, port)
    except RuntimeError as why:
        _say(str(why))
        return 1
    _say(f"\n{'It held' if kept else 'It did NOT hold'}, in {time.monotonic() - began:.0f} s.")
    return 0 if kept else 1


def _play(client: httpx.Client, letters: Mailbox, story: Story, port: int) -> bool:
    _prepare(client, story, port)
    healthy_until = floor(story.begin + HEALTHY, STEP)
    _say(f"four healthy weeks are read; {UNIT}'s reference is made of them")
    _send(client, story, story.begin, healthy_until)
    period = {"since": story.begin.isoformat(), "until": healthy_until.isoformat()}
    done(client.post(f"/api/v1/units/{UNIT}/healthy", json=period))
    told: list[str] = []
    at = healthy_until
    while at < story.end and told[-1:] != ["cleared"]:
        _send(client, story, at, at + STEP)  # what comes after a moment says that all before it is there
        _show(_prediction(client, at), story)
        at += STEP
        told += [_read(client, letter) for letter in letters.arrived()]
    time.sleep(2)  # a second message too many would come now
    told += [_read(client, letter) for letter in letters.arrived()]
    return told == ["raised", "cleared"] and at > story.repair


def _prepare(client: httpx.Client, story: Story, port: int) -> None:
    """The unit, somebody's address, and an alert that does not wait for hours that pass in seconds here."""
    points = {name: {"unit": allowed(name)[0]} for name in story.points}
    done(client.put(f"/api/v1/units/{UNIT}", json={"name": NAME, "interval_s": STEP.seconds, "points": points}))
    target = {"host": mailbox.HOST, "port": port, "security": "none", "sender": "forewatt@example.org"}
    channel = {"name": "mail", "kind": "email", "target": target | {"recipients": ["shift@example.org"]}}
    done(client.post("/api/v1/channels", json=channel))
    threshold = {
        "on": 0.8,
        "off": 0.4,
        "within_hours": 336,
        "least_level": 2,
        "on_delay_s": [0, 0, 0, 0],
        "off_delay_s": 0,
    }
    done(client.put("/api/v1/alerts/thresholds", json={"threshold": threshold}))


def _send(client: httpx.Client, story: Story, since: datetime, until: datetime) -> None:
    table = story.table(since, until)
    done(
        client.post("/api/v1/telemetry", params={"unit_id": UNIT}, content=table, headers={"Content-Type": "text/csv"})
    )


def _prediction(client: httpx.Client, at: datetime) -> dict[str, Any] | None:
    """The one for this moment, when it has been made; nothing where there was too little to say."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        said = done(client.get(f"/api/v1/units/{UNIT}/predictions", params={"limit": 1, "details": True})).json()
        if said["done_until"] and datetime.fromisoformat(said["done_until"]) >= at:
            found: list[dict[str, Any]] = said["items"]
            return found[0] if found and datetime.fromisoformat(found[0]["slot"]) >= at else None
        time.sleep(0.05)
    raise RuntimeError(f"There is no prediction after {PATIENCE_S:.0f} s.")


def _show(made: dict[str, Any] | None, story: Story) -> None:
    if made is None:
        return
    at = datetime.fromisoformat(made["slot"])
    day = (at.date() - story.begin.date()).days + 1
    chance = next(said["probability"] for said in made["answer"]["chances"] if said["within_hours"] == 336)
    state = "healthy" if at < story.onset else "degrading" if at < story.repair else "repaired"
    bar = "█" * round(chance * 30)
    _say(f"day {day:>2} {at:%H:%M}  {state:<9}  level {made['level']}  {bar:<30} {chance:4.0%}  {made['fault'] or ''}")


def _read(client: httpx.Client, letter: EmailMessage) -> str:
    """What a message says, and what is done about it; its kind."""
    body = letter.get_body(("plain",))
    _say(f"\n  ✉ {letter['Subject']}")
    _say("".join(f"    {line}\n" for line in str(body.get_content() if body else "").splitlines()))
    standing = done(client.get("/api/v1/alerts", params={"state": "active"})).json()["items"]
    for alert in standing:
        done(client.post(f"/api/v1/alerts/{alert['id']}/acknowledge", json={"note": "The filter is ordered."}))
        _say("  acknowledged; the repair is under way\n")
    return "raised" if standing else "cleared"


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
