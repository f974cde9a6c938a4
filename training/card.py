"""The model card: what was fitted on what, how well it does beside the naive ladder, and where it fails."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

from bentos.load.known import Known
from training.load import Tuned
from training.scores import LADDER, interval, targets

mpl.use("Agg")
from matplotlib import pyplot as plt  # the backend must be chosen first

MEANING = {
    "Q1": "MASE: MAE over the in-sample MAE of the seasonal naive of 7 days, mean of origins",
    "Q1b": "MAE over the naive-7's MAE at the same origins",
    "Q2": "origins better than the best of the three baselines, chosen with hindsight",
    "Q3": "pinball skill over climatological quantiles",
    "Q4": "coverage of the 80 % band",
    "Q4b": "coverage of the 90 % band",
    "Q5": "recall of the ten highest days",
    "Q6": "energy of the ten days said over that of the ten highest",
    "Q7": "months whose highest day is among the ten said",
    "Q8": "Brier skill of the chance of being a peak over weekday climatology",
}
REFITTED = """The models are fitted anew at each origin on what had been
measured; grids and weights were chosen once, before the first."""
COLD = "The model was fitted on another series and has seen nothing of this one but the history in each question."
MEASURES = ["mase", *LADDER, "rmse", "mae", "r2", "mape", "pinball", "coverage_80", "coverage_90", "recall"]

BY_ORIGIN = ["mase", *LADDER, "mape", "bias", "coverage_80", "recall", "peak_hit"]


@dataclass(frozen=True)
class Report:
    """What a card is written from; ``table`` has a row for each origin, model and weather mode."""

    title: str
    command: str
    known: Known
    table: pd.DataFrame
    profile: list[float]
    tuned: Tuned | None = None  # none where the model came from another series

    @property
    def headline(self) -> pd.DataFrame:
        """The ensemble with climatology weather: the only one whose figures are quoted."""
        chosen = (self.table["model"] == "Ensemble") & (self.table["weather"] == "climatology")
        return self.table[chosen].set_index("origin")

    @property
    def figures(self) -> dict[str, float]:
        """By the targets' ids, with Q5's 95 % interval over origins as Q5_low and Q5_high."""
        low, high = interval(self.headline["recall"].to_numpy())
        found = targets(self.headline)
        return {name: round(float(value), 4) for name, value in {**found, "Q5_low": low, "Q5_high": high}.items()}

    @property
    def beside(self) -> dict[str, float]:
        """The ladder's errors in Q1's unit, the document's own measures, and over how many origins all are means."""
        means = self.headline[[*LADDER, "mae", "rmse", "r2", "mape"]].mean()
        return {**{str(name): round(float(value), 4) for name, value in means.items()}, "months": len(self.headline)}

    @property
    def mase_by_origin(self) -> dict[str, float]:
        """By the origin's day; without those where it is no number."""
        days = pd.DatetimeIndex(self.headline.index)
        scored = zip(days, self.headline["mase"], strict=True)
        return {day.date().isoformat(): round(float(mase), 4) for day, mase in scored if np.isfinite(mase)}


def write_card(folder: Path, report: Report) -> None:
    """``card.md``, ``card.json`` and two plots."""
    folder.mkdir(parents=True, exist_ok=True)
    _plot_origins(folder / "origins.png", report)
    _plot_calibration(folder / "coverage.png", report)
    (folder / "card.md").write_text(_markdown(report))
    content = {
        "title": report.title,
        "command": report.command,
        "figures": report.figures,
        "models": {name: _rounded(targets(rows)) for name, rows in _by_model(report.table)},
        "tuned": report.tuned.fold_scores if report.tuned else None,
        "weights": report.tuned.weights if report.tuned else None,
        "origins": json.loads(report.table.to_json(orient="records", date_format="iso", double_precision=5)),
    }
    (folder / "card.json").write_text(json.dumps(content, indent=1) + "\n")


def _markdown(report: Report) -> str:
    days = report.known.days
    figures = report.figures
    by_day = report.headline.rename(index=lambda at: at.date())
    best = by_day[list(LADDER)].min(axis=1)
    return f"""# {report.title}

Measured by `{report.command}`.

Daily load from {days.index[0].date()} to {days.index[-1].date()}, {len(days)} days; {len(report.headline)} origins,
each the last day of a month, each forecast the whole month after it. {REFITTED if report.tuned else COLD}
Weather: `climatology`, what past years make possible.

| id | value | meaning |
|---|---|---|
{chr(10).join(f"| {name} | {figures[name]:.3f} | {text} |" for name, text in MEANING.items())}

Q5 has the 95 % bootstrap interval over origins {figures["Q5_low"]:.2f} to {figures["Q5_high"]:.2f};
ten days drawn at random reach 0.33.

## Every model beside the ladder

Means over origins. MASE, the ladder's MAE and pinball are in units of the in-sample MAE of the seasonal naive of 7
days, MAE and RMSE in the unit of the load. `actual` weather is a diagnostic: nobody knows it a month ahead.
The regression that the models correct reaches a MASE of {pd.Series(report.profile).mean():.3f} alone.

{_table(report.table.groupby(["model", "weather"])[MEASURES].mean())}

{_how_tuned(report.tuned)}

## Origin by origin

{_table(by_day[BY_ORIGIN])}

Not better than the best of the ladder after: {", ".join(map(str, by_day.index[by_day["mase"] >= best])) or "none"}.

![Error by origin](origins.png)
![Coverage by origin](coverage.png)
"""


def _how_tuned(tuned: Tuned | None) -> str:
    if tuned is None:
        return ""
    weights = ", ".join(f"{name} {weight:.2f}" for name, weight in tuned.weights.items())
    folds = [
        f"- {name} {won['best']}: {', '.join(f'{mae:.2f}' for mae in won['mae'])}"
        for name, won in tuned.fold_scores.items()
    ]
    head = f"Weights of the ensemble: {weights}; what is left of one stays with the regression.\n"
    return head + "MAE by fold of what won its grid, in spreads of the series' own residuals:\n\n" + "\n".join(folds)


def _by_model(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [(f"{model} ({weather})", rows) for (model, weather), rows in table.groupby(["model", "weather"])]


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in figures.items()}


def _table(frame: pd.DataFrame) -> str:
    flat = frame.reset_index()
    rows = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row] for row in flat.to_numpy()]
    return "\n".join("| " + " | ".join(row) + " |" for row in [list(flat.columns), ["---"] * flat.shape[1], *rows])


def _plot_origins(path: Path, report: Report) -> None:
    figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
    shown = report.headline.rename(columns={"mase": "Ensemble"})
    for name, style in {"Ensemble": "k-o", "naive_7": ":", "naive_364": "--", "weekdays_4": "-."}.items():
        axes.plot(shown.index, shown[name], style, label=name, markersize=4)
    axes.set(ylabel="MAE / in-sample naive 7", title="Error of the month after each origin")
    axes.legend(ncols=4, fontsize=8)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _plot_calibration(path: Path, report: Report) -> None:
    figure, axes = plt.subplots(figsize=(9, 2.8), layout="constrained")
    for name, nominal in {"coverage_80": 0.8, "coverage_90": 0.9}.items():
        (line,) = axes.plot(report.headline.index, report.headline[name], "-o", label=name, markersize=4)
        axes.axhline(nominal, color=line.get_color(), linestyle=":")
    axes.set(ylim=(0, 1.02), ylabel="share of days inside", title="Coverage of the bands; dotted: nominal")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=90)
    plt.close(figure)
