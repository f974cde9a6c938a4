"""Run the fault laboratory: a Parquet file a unit and year, and one table of all that went wrong.

Everything here is simulated. A campaign that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from training.hvac import EPISODES
from training.laboratory.campaign import Recipe, Unit, draw_campaign, episode_table
from training.laboratory.energyplus import SimulationError
from training.laboratory.unityear import live
from training.progress import steps


def simulate(recipe: Recipe, out: Path, units: int | None = None) -> None:
    """Write ``out/<unit>.parquet``, rows by UTC ``timestamp``, and ``out/episodes.parquet``.

    ``units`` stops after so many. The splits are mixed, so that a part of the campaign is one in small; the episodes
    are those of all units, written before the first is run. Raises ``SimulationError`` when all others are done and
    names what would not run, or ``ValueError`` where another recipe's campaign lies in ``out``.
    """
    campaign = draw_campaign(recipe)
    _claim(recipe, out)
    _write(episode_table(campaign), out / EPISODES)
    missing = [unit for unit in _mixed(campaign)[:units] if not path_of(unit.name, out).is_file()]
    refused = {}
    for unit in steps(missing, "simulating", "unit-year"):
        try:
            with tempfile.TemporaryDirectory(prefix="energyplus-") as place:
                table = live(unit, Path(place)).astype("float32").rename_axis("timestamp")
        except SimulationError as error:
            refused[unit.name] = str(error)
        else:
            _write(table, path_of(unit.name, out))
    if refused:
        raise SimulationError("\n".join(f"{unit}: {said}" for unit, said in refused.items()))


def path_of(unit: str, out: Path) -> Path:
    """Where the readings of a unit lie."""
    return out / f"{unit}.parquet"


def _claim(recipe: Recipe, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    drawn, said = out / "recipe.json", json.dumps(asdict(recipe), indent=1)
    if drawn.is_file() and drawn.read_text() != said:
        raise ValueError(f"{out} holds another recipe's campaign. Empty it, or give another folder.")
    drawn.write_text(said)


def _mixed(campaign: list[Unit]) -> list[Unit]:
    """Every split as far as the others at each moment."""
    share = {split: sum(unit.split == split for unit in campaign) for split in {unit.split for unit in campaign}}
    seen = dict.fromkeys(share, 0)
    order = []
    for unit in campaign:
        seen[unit.split] += 1
        order.append((seen[unit.split] / share[unit.split], unit.name, unit))
    return [unit for *_, unit in sorted(order, key=lambda entry: entry[:2])]


def _write(table: pd.DataFrame, path: Path) -> None:
    """Whole or not at all."""
    part = path.with_suffix(".part")
    table.to_parquet(part, compression="zstd")
    part.replace(path)
