"""L1 and L4: two months of a fleet, and of the technician who looks after it: ``python -m loadtests.month``.

The units are simulated, the first of the fault laboratory's test; every second one stays healthy, in the others
something breaks. A fault model is asked about each every few hours; alerts are the gateway's own, on a clock of its
own. The technician acknowledges an hour after he is told, and two days after he was told of a fault it is repaired: the
unit is simulated once more with that repair.

L1: messages a day. L4: of the alerts that he was told of, by the highest level: by how many points the share that is
furthest from 80 % notices, 15 % warnings and 5 % urgent or critical ones is off.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from bentos.fault.model import FaultModel
from bentos.fault.repository import open_model
from bentos.fault.windows import reference_of
from gateway.alerts.budget import mixed, off_advice
from gateway.alerts.findings import Finding
from gateway.demo import replayed
from gateway.demo.__main__ import CANDIDATE
from gateway.demo.replayed import Past
from training.fleet import begun
from training.laboratory.campaign import Recipe, Unit, draw_campaign
from training.laboratory.faults import Episode
from training.laboratory.unityear import live
from training.measured import record
from training.progress import steps
from training.warning_artifact import question_at

COMMAND = "python -m loadtests.month"
UNITS, DAYS, HEALTHY_DAYS = 30, 90, 30  # as many as the recipe keeps before anything breaks
HEALTHY_EVERY, EVERY_H = 2, 6
ACKNOWLEDGED, REPAIRED = timedelta(hours=1), timedelta(days=2)
CALLS = ("raised", "escalated")


@dataclass(frozen=True)
class Asked:
    """How often, and by which model."""

    every: timedelta
    artifact: Path


def main(words: Sequence[str] | None = None) -> int:
    """Always exit 0: what is told is the figures."""
    options = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    options.add_argument("--units", type=int, default=UNITS, help="of the campaign's test (%(default)s)")
    options.add_argument("--every-h", type=int, default=EVERY_H, help="from one question to the next (%(default)s)")
    options.add_argument("--artifact", type=Path, default=CANDIDATE, help="a fault model's")
    options.add_argument("--processes", type=int, default=2, help="side by side (%(default)s)")
    options.add_argument(
        "--measured", type=Path, help="docs/measured.json, to write the figures of the whole fleet there"
    )
    said = options.parse_args(words)
    asked = Asked(timedelta(hours=said.every_h), said.artifact)
    with ProcessPoolExecutor(said.processes) as pool:
        found = pool.map(partial(lived, asked), fleet(said.units))
        lives = [one for _, one in zip(steps(range(said.units), "living", "unit"), found, strict=True)]
    findings = [finding for life in lives for finding in life]
    until = max(one.at for one in findings)
    figures = judged(replayed.play(findings, [], until, ACKNOWLEDGED), DAYS - HEALTHY_DAYS)
    print("\n".join(f"{name}: {value:.4g}" for name, value in figures.items()))
    if said.measured and (said.units, said.every_h) == (UNITS, EVERY_H):
        record(said.measured, figures, COMMAND)
    return 0


def fleet(units: int) -> list[Unit]:
    """The first units of the campaign's test, with their first three months."""
    whole = Recipe.open("laboratory")
    few = {"train": 0, "validation": 0, "test": units}
    return draw_campaign(
        replace(whole, days=DAYS, units=few, healthy_every={**whole.healthy_every, "test": HEALTHY_EVERY})
    )


def lived(asked: Asked, unit: Unit) -> list[Finding]:
    """What the model says of a unit, whose fault is repaired two days after somebody was told of it."""
    model = open_model(asked.artifact)
    findings = [*_findings(model, unit, asked.every)]
    for place, episode in enumerate(unit.episodes):
        told = _first_told(findings, episode)
        if told is None or told + REPAIRED >= episode.repair:
            continue
        repaired = (told + REPAIRED).floor("15min")
        mended = replace(episode, repair=repaired)
        unit = replace(unit, episodes=(*unit.episodes[:place], mended, *unit.episodes[place + 1 :]))
        before = [one for one in findings if one.at <= repaired]
        findings = [*before, *_findings(model, unit, asked.every, repaired)]
    return findings


def _findings(model: FaultModel, unit: Unit, every: timedelta, after: datetime | None = None) -> Iterator[Finding]:
    with tempfile.TemporaryDirectory(prefix="energyplus-") as place:
        readings = begun(live(unit, Path(place)))
    watched = readings.index[0].ceil("h") + timedelta(days=HEALTHY_DAYS)
    reference = reference_of(readings[readings.index < watched]).model_dump(mode="json")
    for at in pd.date_range(watched, readings.index[-1], freq=every):
        if after is not None and at <= after:
            continue
        try:
            answer = model.answer(question_at(unit.name, readings, at, reference))
        except ValidationError:  # its sensors were silent for too long
            continue
        yield Finding.of(answer.model_dump(mode="json"))


def _first_told(findings: Sequence[Finding], episode: Episode) -> pd.Timestamp | None:
    past = replayed.play(findings, [], findings[-1].at, ACKNOWLEDGED)
    calls = (one.at for one in past.notices if one.kind in CALLS and episode.onset <= one.at < episode.repair)
    first = min(calls, default=None)
    return None if first is None else pd.Timestamp(first)


def judged(past: Past, days: int) -> dict[str, float]:
    """L1 and L4, and the shares that L4 is made of."""
    kinds = Counter(notice.kind for notice in past.notices)
    told = [one for one in past.alerts if one.row.told_at is not None]
    levels = Counter(one.level for one in told)
    mix = mixed(levels)
    faults = Counter(f"{one.row.fault} level {one.level}" for one in told)
    print(", ".join(f"{count} × {fault}" for fault, count in faults.most_common()))
    print(f"{levels.total()} alerts in {days} days, {len(past.notices)} messages: {dict(kinds)}")
    print(", ".join(f"{name} {share:.0%}" for name, share in mix.items()))
    return {"L1": len(past.notices) / days, "L4": 100 * off_advice(mix)}


if __name__ == "__main__":
    sys.exit(main())
