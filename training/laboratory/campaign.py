"""Which units live through what: everything that chance decides, drawn from a recipe and its seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.laboratory.building import Building, draw_building, occupied
from training.laboratory.faults import ABRUPT, FAULTS, SLOW, Episode, Season, severity
from training.laboratory.parts import Parts, draw_parts
from training.laboratory.sensors import Calibration, draw_calibration
from training.laboratory.weather import CLIMATES, QUARTERS, Weather, another_year, typical
from training.recipe import read_recipe

SPLITS = ("train", "validation", "test")
WORKS_H = 3  # a day on which a part works so long, while people are there, shows what is wrong with it
DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Recipe:
    """``recipes/<name>.toml``, whole; see there what each entry is and why."""

    seed: int
    units: dict[str, int]
    healthy_every: dict[str, int]
    variants: dict[str, int]
    climates: dict[str, list[str]]
    years: dict[str, list[int]]
    shapes: dict[str, list[float]]
    ramp_days: list[int]
    late_days: list[int]
    abrupt_days: list[int]
    first_healthy_days: int
    healthy_days: int
    slow_to_abrupt: int
    severities: dict[str, dict[str, list[float]]]
    days: int = 365  # of a unit's life, from the first of January

    @classmethod
    def open(cls, name: str) -> Recipe:
        """Raises ``ValueError`` for a recipe that is not there."""
        return cls(**read_recipe("laboratory", name))

    def side(self, split: str) -> str:
        """Which of the two severities, years and shapes a split draws from."""
        return "test" if split == "test" else "learn"


@dataclass(frozen=True)
class Unit:
    """One air-handling unit through a year's first ``days``; ``rng_seed`` makes its weather, parts and sensors."""

    name: str
    split: str
    climate: str
    variant: str
    building: Building
    year: int
    rng_seed: list[int]
    days: int = 365
    episodes: tuple[Episode, ...] = ()

    @property
    def moments(self) -> pd.DatetimeIndex:
        """[days * 96] UTC, each the end of its quarter of an hour."""
        start = pd.Timestamp(f"{self.year}-01-01", tz="UTC") + pd.Timedelta(hours=CLIMATES[self.climate][1])
        return pd.date_range(start, periods=self.days * 96 + 1, freq="15min")[1:]

    @property
    def local(self) -> pd.DatetimeIndex:
        """The same in local standard time, without a zone."""
        return self.moments.tz_localize(None) - pd.Timedelta(hours=CLIMATES[self.climate][1])

    def drawn(self) -> tuple[Weather, Parts, Calibration, np.random.Generator]:
        """Its weather, parts and sensors, the same each time, and chance for what its sensors say."""
        rng = np.random.default_rng(self.rng_seed)
        weather = another_year(typical(self.climate), rng)
        return weather, draw_parts(rng), draw_calibration(rng), rng


def draw_campaign(recipe: Recipe) -> list[Unit]:
    """All units of the recipe with their episodes; the same for the same recipe."""
    units = []
    for number, split in enumerate(SPLITS):
        decks = _Deck(SLOW, recipe.seed + number), _Deck(ABRUPT, recipe.seed + 100 + number)
        buildings = _variants(recipe, split, number)
        for index in range(recipe.units[split]):
            unit = _draw_unit(recipe, split, index, buildings)
            if (index + 1) % recipe.healthy_every[split]:
                unit = _with_episodes(unit, recipe, decks)
            units.append(unit)
    return units


def episode_table(units: list[Unit]) -> pd.DataFrame:
    """A row an episode, and one of fault ``none`` for a unit without any; times in UTC."""
    rows: list[dict[str, Any]] = []
    for unit in units:
        about = {"unit": unit.name, "climate": unit.climate, "building": unit.variant, "split": unit.split}
        for episode in unit.episodes:
            fault = FAULTS[episode.fault]
            end = severity(episode, pd.DatetimeIndex([episode.repair]))[0]
            about_fault = {"kind": "abrupt" if fault.abrupt else "slow", "limit_unit": fault.unit}
            rows.append(
                {**about, **asdict(episode), **about_fault, "severity_start": float(fault.abrupt), "severity_end": end}
            )
        if not unit.episodes:
            rows.append({**about, "fault": "none", "kind": "none", "place": ""})
    table = pd.DataFrame(rows)
    for column in ("onset", "functional_limit", "repair"):
        moments = table[column] if column in table else pd.Series(pd.NaT, table.index)
        table[column] = pd.to_datetime(moments, utc=True).astype("datetime64[ms, UTC]")
    return table


class _Deck:
    """Cards are dealt in shuffled rounds; what does not fit now stays on top, so that every kind comes as often."""

    def __init__(self, cards: list[str], seed: int) -> None:
        self._cards, self._rng, self._pile = cards, np.random.default_rng(seed), list[str]()

    def deal(self) -> Iterator[str]:
        """Each kind once, the longest waiting first; the caller takes the one that fits."""
        while len(set(self._pile)) < len(self._cards):
            self._pile += [self._cards[place] for place in self._rng.permutation(len(self._cards))]
        yield from dict.fromkeys(self._pile)

    def take(self, card: str) -> None:
        self._pile.remove(card)


def _variants(recipe: Recipe, split: str, number: int) -> list[tuple[str, Building]]:
    rng = np.random.default_rng([recipe.seed, number])
    return [(f"{split}-{index + 1}", draw_building(rng)) for index in range(recipe.variants[split])]


def _draw_unit(recipe: Recipe, split: str, index: int, buildings: list[tuple[str, Building]]) -> Unit:
    seed = [recipe.seed, SPLITS.index(split), index]
    rng = np.random.default_rng([*seed, 1])
    climates = recipe.climates["held_out" if split == "test" and index % 2 else "learn"]
    climate = climates[(index // 2 if split == "test" else index) % len(climates)]
    variant, building = buildings[int(rng.integers(len(buildings)))]
    year = int(rng.choice(recipe.years[recipe.side(split)]))
    name = f"{split}-{index + 1:03d}-{climate}"
    return Unit(name, split, climate, variant, building, year, seed, recipe.days)


def _with_episodes(unit: Unit, recipe: Recipe, decks: tuple[_Deck, _Deck]) -> Unit:
    """One after the other through the year, with healthy weeks before, between and after."""
    rng = np.random.default_rng([*unit.rng_seed, 2])
    shown = _Shown(unit)
    day, episodes = recipe.first_healthy_days + int(rng.integers(8)), list[Episode]()
    while day < recipe.days - 5:
        abrupt = len(episodes) % (recipe.slow_to_abrupt + 1) == recipe.slow_to_abrupt
        deck = decks[abrupt]
        found = next(
            (episode for code in deck.deal() if (episode := _draw_episode(unit, recipe, code, (day, rng), shown))), None
        )
        if found is None:
            day += 3
            continue
        deck.take(found.fault)
        episodes.append(found)
        day = (found.repair - unit.moments[0]).days + recipe.healthy_days + int(rng.integers(4))
    return replace(unit, episodes=tuple(episodes))


def _draw_episode(
    unit: Unit, recipe: Recipe, code: str, when: tuple[int, np.random.Generator], shown: _Shown
) -> Episode | None:
    """None where the fault would not show, or the year ends."""
    day, rng = when
    fault, side = FAULTS[code], recipe.side(unit.split)
    days = float(rng.uniform(*(recipe.abrupt_days if fault.abrupt else recipe.ramp_days)))
    day = shown.next_working_day(day)
    if day + days + recipe.late_days[1] + 7 > recipe.days or not shown.enough(fault.season, day, days):
        return None
    places = [place for place in fault.places if fault.effect != "frozen" or place != "return" or _changeover(unit)]
    place = str(rng.choice(places)) if places else ""
    onset = unit.moments[day * 96 - 1 + int(rng.integers(32, 64))]  # between eight and four o'clock
    end = (onset + days * DAY).floor("15min")
    limit = float(rng.choice(recipe.severities[code][side]))
    if fault.effect == "offset" and rng.random() < 0.5:
        limit = -limit
    if fault.abrupt:
        return Episode(code, place, onset, onset, end, 1.0, limit)
    repair = (end + float(rng.uniform(*recipe.late_days)) * DAY).floor("15min")
    return Episode(code, place, onset, end, repair, float(rng.choice(recipe.shapes[side])), limit)


def _changeover(unit: Unit) -> bool:
    """Whether the economizer does not listen to the return air's sensor."""
    return unit.building.economizer == "fixed"


class _Shown:
    """On which days of a unit's year a part works long enough that a fault in it shows."""

    def __init__(self, unit: Unit) -> None:
        outdoor = unit.drawn()[0].at_quarters()
        there = occupied(unit.building, replace(unit, days=365).local)
        self._working = np.asarray(there.reshape(365, 96).any(axis=1))
        conditions: dict[Season, NDArray[np.bool_]] = {
            "any": np.ones(QUARTERS, bool),
            "warm": outdoor > 18,  # the economizer alone does not do
            "cool": outdoor < 11,  # outdoor air alone can hold the supply air, the cooling valve is shut
            "away": np.abs(outdoor - 22) > 7,  # outdoor and return air can be told apart
        }
        self._days = {
            season: np.asarray((holds & there).reshape(365, 96).sum(axis=1) >= WORKS_H * 4)
            for season, holds in conditions.items()
        }

    def next_working_day(self, day: int) -> int:
        while day < 365 and not self._working[day]:
            day += 1
        return day

    def enough(self, season: Season, day: int, days: float) -> bool:
        """On half of the working days of the ramp's second half, or of an abrupt fault's life."""
        start = day + int(days / 2 if days > 10 else 0)
        span = slice(start, day + int(days) + 1)
        working = self._working[span]
        return bool((self._days[season][span] & working).sum() >= max(1, 0.5 * working.sum()))
