"""The plots of the early warning's card: lead time against severity, reliability, cost, confusion."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from sklearn.metrics import confusion_matrix

from training.alarm_scores import ON, outcome
from training.alarms import Policy
from training.fault_verdict import Verdict

mpl.use("Agg")
from matplotlib import pyplot as plt  # the backend must be chosen first
from matplotlib.axes import Axes

BINS = 10


def draw_plots(folder: Path, found: Verdict) -> None:
    """``lead_time.png``, ``reliability.png``, ``cost.png``, ``confusion.png``."""
    for name, draw in (
        ("lead_time", _lead_time), ("reliability", _reliability), ("cost", _cost), ("confusion", _confusion),
    ):  # fmt: skip
        figure, axes = plt.subplots(figsize=(6, 4.5))
        draw(axes, found)
        figure.tight_layout()
        figure.savefig(folder / f"{name}.png", dpi=90, metadata={"Software": None})
        plt.close(figure)


def _lead_time(axes: Axes, found: Verdict) -> None:
    episodes = found.network.outcome.episodes
    for code, rows in episodes[episodes["slow"] & episodes["alerted"]].groupby("code"):
        axes.scatter(rows["severity"], rows["lead_hours"] / 24, s=12, label=str(code))
    axes.set(xlabel="severity at the first alert", ylabel="days before the functional limit", xlim=(0, 1.05))
    axes.legend(fontsize=7)


def _reliability(axes: Axes, found: Verdict) -> None:
    chance, came = found.moments.ahead
    step = np.minimum((chance * BINS).astype(int), BINS - 1)
    said, happened = ([float(v[step == k].mean()) for k in range(BINS) if (step == k).any()] for v in (chance, came))
    axes.plot([0, 1], [0, 1], color="grey", lw=0.8)
    axes.plot(said, happened, marker="o")
    axes.set(xlabel="chance said, within 72 hours", ylabel="share that came")


def _cost(axes: Axes, found: Verdict) -> None:
    """What another threshold would have cost; nothing was chosen here."""
    network, lives = found.network, found.lives
    costs = []
    for on in ON:
        policy = Policy(float(on), float(on) * network.policy.off / network.policy.on, network.policy.hold)
        costs.append(outcome(lives, network.said, policy).cost_a_month)
    axes.plot(ON, costs, label=network.name)
    axes.axvline(network.policy.on, color="grey", lw=0.8, label="where the alarm is set")
    for place, each in enumerate(found.detectors[1:], start=1):
        axes.axhline(each.outcome.cost_a_month, color=f"C{place}", ls="--", lw=1, label=each.name)
    axes.set(xlabel="threshold", ylabel="cost a unit and month")
    axes.legend(fontsize=7)


def _confusion(axes: Axes, found: Verdict) -> None:
    """Types of the episodes that were alerted."""
    episodes = found.network.outcome.episodes
    alerted = episodes[episodes["alerted"]]
    codes = sorted(set(alerted["code"]) | set(alerted["said"]))
    counts = confusion_matrix(alerted["code"], alerted["said"], labels=codes)
    axes.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(counts), strict=True):
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=7)
    axes.set_xticks(range(len(codes)), codes, rotation=90, fontsize=7)
    axes.set_yticks(range(len(codes)), codes, fontsize=7)
    axes.set(xlabel="said", ylabel="was")
