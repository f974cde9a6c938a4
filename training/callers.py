"""A model for one caller's own series, fitted by a child process: standard output has one JSON object a line.

The lines say how far it is; the last one is the outcome. Nothing of the fit lies anywhere but in the folder ``--out``
until a whole version stands in the registry.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import shutil
import sys
import tempfile
import threading
import time
from contextlib import redirect_stdout
from typing import TextIO, TypedDict

from pydantic import JsonValue

from bentos.load.calendar import Region
from bentos.load.known import Known
from bentos.load.model import FITTED
from bentos.registry import models_folder
from training.card import write_card
from training.datasets import NoModelError, Place, open_series
from training.load import Recipe
from training.pipeline import Trained, origins_of, train
from training.progress import Stage, listening
from training.publish import ORIGINS, GateError, description, publish_if_better, write_artifact

CARD = "card.md"
ABANDONED = 3  # exit status where nobody waits any more
PUBLISHING = threading.Lock()  # whoever ends the process waits until the registry is whole


class Outcome(TypedDict):
    """The last line. ``version`` is in the registry, or null; ``kept`` says that it is the current one, else ``reason``
    says why not. ``scores`` are the targets' by id, the ladder's MASE and the document's measures beside them; ``card``
    lies in the folder ``card``.
    """

    version: str | None
    kept: bool
    reason: str | None
    scores: dict[str, float]
    card: str | None


class Lines:
    """Writes how far the fit is; seconds left come from what its stages cost on one core, and from the clock."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._began, self._last = out, time.monotonic(), (-1, "")
        self._cost_s: dict[str, float] = {}

    def expect(self, moments: int, origins: int) -> None:
        """What lies ahead: a fit's cost goes with the moments that it learns from."""
        fit_s = 0.2 + 0.0027 * moments
        self._cost_s = {
            "replaying": 0.037 * moments,
            "tuning": 10 * fit_s,
            "backtesting": origins * (0.4 + fit_s),
            "publishing": 1.5 + fit_s,
        }

    def __call__(self, stage: str, done: float) -> None:
        """A line for each percent and each stage."""
        costs, stages = [*self._cost_s.values()], [*self._cost_s]
        place = stages.index(stage) if stage in stages else 0
        share = (sum(costs[:place]) + done * costs[place]) / sum(costs) if costs else 0.0
        progress = min(int(100 * share), 99)
        if (progress, stage) != self._last:
            self._last = (progress, stage)
            passed = time.monotonic() - self._began
            left = round(passed * (1 - share) / share, 1) if share > 0.02 else None
            self.write({"stage": stage, "progress": progress, "left_s": left})

    def write(self, line: dict[str, object] | Outcome) -> None:
        """At once: somebody shows it."""
        print(json.dumps(line, allow_nan=False), file=self._out, flush=True)


def fit_for_caller(asked: argparse.Namespace) -> None:
    """Fit ``asked.snapshot`` and publish it as ``asked.name``. Raises ``DataError`` where the data refuse."""
    if not re.fullmatch(FITTED, asked.name or ""):
        raise ValueError(f"--name {asked.name} is no name of a caller's model; give load- and 32 hexadecimal digits.")
    if asked.attached:
        threading.Thread(target=_end_with_the_caller, daemon=True).start()
    asked.out.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(asked.out.resolve())  # so that an end in the middle leaves nothing elsewhere
    lines = Lines(sys.stdout)
    with redirect_stdout(sys.stderr):  # whatever a library may have to say
        outcome = _outcome(asked, lines)
    lines.write({"stage": "publishing", "progress": 100, "left_s": 0.0})
    lines.write(outcome)


def _outcome(asked: argparse.Namespace, lines: Lines) -> Outcome:
    lines("reading", 0.0)
    recipe = Recipe.open(asked.recipe or "caller")
    try:
        known = open_series(str(asked.snapshot), Place(asked.timezone, Region(asked.country, asked.subdivision)))
        origins = origins_of(known, recipe)
    except NoModelError as nothing:
        return {"version": None, "kept": False, "reason": str(nothing), "scores": {}, "card": None}
    lines.expect(len(known.days) // recipe.step_within(len(known.days)), len(origins))
    with listening(lines):
        trained = train(known, recipe, f"Month-ahead daily load: {asked.name}", _command(asked))
        stage = Stage("publishing", 1)
        outcome = _published(asked, known, recipe, trained)
        stage.done()
    return outcome


def _published(asked: argparse.Namespace, known: Known, recipe: Recipe, trained: Trained) -> Outcome:
    """Card, artifact, gate, registry."""
    report = trained.report
    write_card(asked.out / "card", report)
    scores = {name: value for name, value in (report.figures | report.beside).items() if math.isfinite(value)}
    outcome = Outcome(version=None, kept=False, reason=None, scores=scores, card=CARD)
    recorded: dict[str, JsonValue] = {**scores, ORIGINS: {**report.mase_by_origin}}
    said = description(known, recipe, trained.tuned, recorded, asked.name)
    place = asked.out / "artifact"
    shutil.rmtree(place, ignore_errors=True)
    write_artifact(place, trained.members, trained.replayed, said)
    try:
        with PUBLISHING:
            version, worse = publish_if_better(models_folder(), place)
    except GateError as refused:
        return {**outcome, "reason": str(refused)}
    return {**outcome, "version": version, "kept": worse is None, "reason": worse}


def _command(asked: argparse.Namespace) -> str:
    """What was run, without the folders of this machine."""
    region = [f"--{name} {value}" for name in ("country", "subdivision") if (value := getattr(asked, name))]
    return " ".join([f"python -m training load --snapshot {asked.snapshot.name} --name {asked.name}", *region])


def _end_with_the_caller() -> None:
    """End this process as soon as whoever started it has gone, at whatever point; the registry stays whole."""
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass
    with PUBLISHING:
        os._exit(ABANDONED)
