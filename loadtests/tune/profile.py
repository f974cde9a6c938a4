"""What a tuning came to: words for the terminal, a file of settings to start a server with, and JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean

from loadtests.capacity.report import per_s
from loadtests.tune.search import SURE, Measured, Proof, Tuned, ratios
from loadtests.tune.settings import DEFAULT, Settings
from training.measured import machine


@dataclass(frozen=True)
class Asked:
    """What was to be tuned, and by which command."""

    suite: str
    p99_ms: float
    cores: int
    command: str


def line(one: Measured) -> str:
    """One measurement while the tuning goes on."""
    return f"{one.purpose:>6} {one.rate:9.1f}/s with {one.settings} ({one.took_s:.0f} s)"


def conclusion(tuned: Tuned) -> str:
    """What was proved."""
    if tuned.winner == DEFAULT:
        return f"None of the {len(ratios(tuned.measured))} other settings measured was better than the defaults."
    proof = tuned.proof or Proof([], [])
    if not proof.winner:
        return f"{tuned.winner} looked best, but there was no time for a proof: the defaults stay."
    times = f"{proof.ratio:.2f} times the defaults' capacity, with {SURE:.0%} certainty more than {proof.at_least:.2f}"
    said = f"{tuned.winner}: {times}"
    return f"{said}." if proof.better else f"{said}: not really better, so the defaults stay."


def as_env(asked: Asked, tuned: Tuned) -> str:
    """Settings that a shell can read: ``set -a; . FILE; set +a; make up``."""
    cores = "1 core" if asked.cores == 1 else f"{asked.cores} cores"
    words = [
        f"Settings of the inference server for `{asked.suite}` within p99 {asked.p99_ms:g} ms on {cores}.",
        f"Found by `{asked.command}` on {_today()}: {machine()}.",
        conclusion(tuned),
        *_capacities(tuned),
    ]
    settings = [f"{name}={value}" for name, value in tuned.best.environment().items()]
    return "\n".join([*(f"# {word}" for word in words), *settings, ""])


def _capacities(tuned: Tuned) -> list[str]:
    if not tuned.proof or not tuned.proof.winner:
        return [f"Capacity with the defaults: {_range([m.rate for m in tuned.measured if m.settings == DEFAULT])}."]
    proof = tuned.proof
    return [
        "Capacity in fresh runs, by turns, other arrivals than in the search:",
        f"  defaults {_range(proof.default)}, winner {_range(proof.winner)}.",
    ]


def _range(rates: list[float]) -> str:
    if not rates:
        return "not measured"
    return f"{per_s(fmean(rates))} ({per_s(min(rates))} to {per_s(max(rates))} in {len(rates)} runs)"


def as_json(asked: Asked, tuned: Tuned, seconds: float) -> dict[str, object]:
    """Everything."""
    proof = tuned.proof
    return {
        **vars(asked),
        "best": _settings(tuned.best),
        "winner": _settings(tuned.winner),
        "conclusion": conclusion(tuned),
        "proof": proof and {**vars(proof), "ratio": proof.ratio, "at_least": proof.at_least, "better": proof.better},
        "ratios": [{**_settings(settings), "ratio": ratio} for settings, ratio in ratios(tuned.measured).items()],
        "measured": [{**vars(one), "settings": _settings(one.settings)} for one in tuned.measured],
        "seconds": round(seconds, 1),
        "machine": machine(),
        "date": _today(),
    }


def _settings(settings: Settings) -> dict[str, float | None]:
    """JSON has no infinity: no cap is null."""
    return {name: value if math.isfinite(value) else None for name, value in vars(settings).items()}


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
