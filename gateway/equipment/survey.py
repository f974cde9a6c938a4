"""What a Brick model has for us: its units with their points, what feeds them, and what was not understood."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from gateway.equipment.classes import ALONE, PARTS, UNITS, is_a, meant, table
from gateway.equipment.graph import Graph, Links, Thing
from gateway.equipment.outlook import named

DEEPEST = 32  # steps from a point up to its unit, or of a place within places


@dataclass
class Survey:
    """The units by the id of their thing, and of each thing the classes by the names that Brick 1.4 has."""

    graph: Graph
    units: dict[str, str] = field(default_factory=dict)  # thing -> kind
    classes: dict[str, list[str]] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, list[str]] = field(default_factory=dict)  # class -> things

    def points(self) -> Iterator[Thing]:
        """All things that are measured or told, and those that something has as its point."""
        for number, thing in self.graph.things.items():
            if number in self.graph.owners or any(is_a(name, "Point") for name in self.classes[number]):
                yield thing

    def chain(self, number: str) -> list[tuple[Thing, list[str]]]:
        """What a point belongs to, up to its unit; nothing where there is no unit."""
        starts = self.graph.owners.get(number, [])
        ways = sorted((way for start in starts if (way := self._way(start))), key=len)
        return [(self.graph.things[step], self.classes[step]) for step in ways[0]] if ways else []

    def unit_of(self, number: str) -> str | None:
        """The unit that a thing is or belongs to."""
        way = self._way(number)
        return way[-1] if way else None

    def fed_by(self, unit: str) -> set[str]:
        """Other units that feed it, also through what is no unit, and those that it is a part of."""
        whole = self.unit_of_wholes(unit)
        return (self._feeders(unit) | ({whole} if whole else set())) - {unit}

    def unit_of_wholes(self, unit: str) -> str | None:
        """The unit that this one is a part of."""
        return next((way[-1] for whole in self.graph.wholes.get(unit, []) if (way := self._way(whole))), None)

    def place(self, unit: str) -> str | None:
        """Where it is, from the building down to the room."""
        names: list[str] = []
        for step in _walk(unit, self.graph.spots, self.graph.wholes):
            thing = self.graph.things[step]
            if any(is_a(name, "Location") for name in self.classes[step]):
                names.insert(0, thing.label or thing.name)
        return " / ".join(names)[:255] or None

    def _way(self, start: str) -> list[str]:
        """From a thing up to the first unit that it is a part of or located in."""
        ways = [[start]]
        seen = {start}
        while ways:
            way = ways.pop(0)
            if way[-1] in self.units:
                return way
            for above_it in (*self.graph.wholes.get(way[-1], ()), *self.graph.spots.get(way[-1], ())):
                if above_it not in seen and len(way) < DEEPEST:
                    seen.add(above_it)
                    ways.append([*way, above_it])
        return []

    @cached_property
    def _fed(self) -> dict[str, list[str]]:
        """By unit what is fed of it: itself or its parts."""
        found: dict[str, list[str]] = {}
        for number in self.graph.feeders:
            if (unit := self.unit_of(number)) is not None:
                found.setdefault(unit, []).append(number)
        return found

    def _feeders(self, unit: str) -> set[str]:
        found: set[str] = set()
        waiting = list(self._fed.get(unit, ()))
        seen = set(waiting)
        while waiting:
            for feeder in self.graph.feeders.get(waiting.pop(), ()):
                if (other := self.unit_of(feeder)) is not None:
                    found.add(other)
                elif feeder not in seen:
                    seen.add(feeder)
                    waiting.append(feeder)
        return found


def survey(graph: Graph) -> Survey:
    """Finds the units and puts names right."""
    found = Survey(graph)
    for number, thing in graph.things.items():
        found.classes[number] = [_right(found, thing, name) for name in thing.classes]
    for number, names in found.classes.items():
        if kind := next((name for name in names if is_a(name, *UNITS)), None):
            found.units[number] = named(kind)
    alone = {
        number: kind
        for number, names in found.classes.items()
        if number not in found.units
        and (kind := next((name for name in names if is_a(name, *ALONE) and not is_a(name, *PARTS)), None))
        and found.unit_of(number) is None
    }
    found.units |= {number: named(kind) for number, kind in alone.items()}
    return found


def _right(found: Survey, thing: Thing, name: str) -> str:
    understood, better = meant(name)
    if better:
        found.renamed[name] = better
    if understood not in table():
        found.unknown.setdefault(name, []).append(thing.id)
    return understood


def _walk(start: str, *ways: Links) -> list[str]:
    """The first of what is above, again and again."""
    found: list[str] = []
    step: str | None = start
    while step is not None and len(found) < DEEPEST:
        above_it = [one for links in ways for one in links.get(step, ())]
        step = next((one for one in above_it if one not in found and one != start), None)
        if step is not None:
            found.append(step)
    return found
