"""From a survey of a Brick model to the report of it: each unit's points with their ids and units of measure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from gateway.equipment import measures, roles
from gateway.equipment.graph import Thing
from gateway.equipment.moments import moment
from gateway.equipment.outlook import outlook
from gateway.equipment.report import (
    MOST_LISTED,
    Finding,
    FoundPoint,
    FoundUnit,
    Ids,
    Named,
    Renamed,
    Report,
    Unplaced,
    Values,
)
from gateway.equipment.roles import Fit
from gateway.equipment.survey import Survey

EXAMPLES = 3
LONGEST_ID = 255


class Account:
    """Collects what is told while it goes through the points."""

    def __init__(self, survey: Survey, ids: Ids, prefix: str) -> None:
        self.survey, self.ids, self.prefix = survey, ids, prefix
        self.findings: list[Finding] = []
        self.unused: Counter[str] = Counter()
        self.homeless: list[str] = []
        self.without_series = 0
        self.candidates: dict[str, dict[str, list[tuple[Fit, Thing]]]] = {unit: {} for unit in survey.units}

    def report(self) -> Report:
        """All of it."""
        self._sort_points()
        names = self._names()
        taken = {unit: self._points(unit) for unit in names}
        self._drop_shared(taken)
        units = [self._unit(thing, names, taken[thing]) for thing in names]
        self._untyped()
        if not units:
            text = "No unit was found. Give equipment a class such as brick:AHU, and its points by brick:hasPoint."
            self.findings.append(Finding(code="no-units", thing="", message=text))
        return Report(
            triples=self.survey.graph.triples,
            units=sorted(units, key=lambda unit: unit.id),
            findings=self.findings[:MOST_LISTED],
            finding_count=len(self.findings),
            unknown_classes=_listed({name: list(things) for name, things in self.survey.unknown.items()}),
            renamed_classes=[Renamed(name=old, now=new) for old, new in sorted(self.survey.renamed.items())][
                :MOST_LISTED
            ],
            unused_classes=[Named(name=n, count=c, examples=[]) for n, c in self.unused.most_common(MOST_LISTED)],
            points_without_unit=Unplaced(count=len(self.homeless), examples=self.homeless[:EXAMPLES]),
            points_without_series=self.without_series,
            imports=self.survey.graph.imports[:MOST_LISTED],
            values=self._values(),
        )

    def _sort_points(self) -> None:
        for thing in self.survey.points():
            names, chain = self.survey.classes[thing.id], self.survey.chain(thing.id)
            if not chain:
                self.homeless.append(thing.name)
                continue
            unit, found = chain[-1][0], roles.fit(thing, names, chain)
            if found is None:
                self.unused.update(names[:1])
            elif found.how == "unclear":
                text = f"It may be the {found.point} of {unit.name}, or not. Say of which part it is, by its class."
                self._find("part-unclear", thing, text)
            else:
                self.candidates[unit.id].setdefault(found.point, []).append((found, thing))

    def _names(self) -> dict[str, str]:
        """The id of each unit by its thing; two of one id cannot both be had."""
        names: dict[str, str] = {}
        taken: set[str] = set()
        for thing in self.survey.units:
            name = unit_id(self.prefix + self.survey.graph.things[thing].name)
            if name in taken:
                text = f"Another unit has the id {name} too. Upload them in two files, each with a prefix of its own."
                self._find("same-id", self.survey.graph.things[thing], text)
            else:
                names[thing] = name
                taken.add(name)
        return names

    def _points(self, unit: str) -> list[FoundPoint]:
        found = []
        for point, fits in sorted(self.candidates[unit].items()):
            best = min(fit.rank for fit, _ in fits)
            chosen = [(fit, thing) for fit, thing in fits if fit.rank == best]
            if len(chosen) > 1:
                others = ", ".join(sorted(thing.name for _, thing in chosen)[:EXAMPLES])
                text = f"{len(chosen)} points can be the {point}, {others} among them. Declare the right one by PUT."
                self._find("two-points-one-role", self.survey.graph.things[unit], text)
            elif taken := self._point(*chosen[0]):
                found.append(taken)
        return found

    def _point(self, fit: Fit, thing: Thing) -> FoundPoint | None:
        said = measures.ucum(thing.measure) if thing.measure else measures.in_label(thing.label)
        codes = measures.allowed(fit.point)
        if thing.measure and said not in codes:
            what = "wrong" if said else "unknown"
            text = (
                f"{thing.measure[:64]} is no unit of measure for {fit.point}. Say one that means {' or '.join(codes)}."
            )
            self._find(f"measure-{what}", thing, text)
            return None
        known = said if said in codes else None
        return FoundPoint(
            point=fit.point,
            series_id=self._series(thing),
            unit=known or codes[0],
            unit_assumed=known is None and len(codes) > 1,
            thing=thing.name,
            brick_class=self.survey.classes[thing.id][0],
            how=fit.how if fit.how != "unclear" else "name",
        )

    def _series(self, thing: Thing) -> str | None:
        given = thing.series[0] if thing.series else {"label": thing.label, "name": thing.name}.get(self.ids)
        if len(thing.series) > 1:
            self._find("two-series", thing, f"It has {len(thing.series)} time-series ids; the first was taken.")
        if given is not None and not (0 < len(given) <= LONGEST_ID and given.isprintable()):
            self._find("series-odd", thing, f"An id of a time series has 1 to {LONGEST_ID} printable letters.")
            given = None
        self.without_series += given is None
        return given

    def _drop_shared(self, taken: dict[str, list[FoundPoint]]) -> None:
        """A time series belongs to one point; where two have it nobody knows to which."""
        counts = Counter(point.series_id for points in taken.values() for point in points if point.series_id)
        for points in taken.values():
            for point in points:
                if point.series_id and counts[point.series_id] > 1:
                    text = (
                        f"The time series {point.series_id[:64]} is named by several points; none of them has it now."
                    )
                    self.findings.append(Finding(code="series-twice", thing=point.thing, message=text))
                    point.series_id = None
                    self.without_series += 1

    def _unit(self, number: str, names: dict[str, str], points: list[FoundPoint]) -> FoundUnit:
        thing, kind = self.survey.graph.things[number], self.survey.units[number]
        return FoundUnit(
            id=names[number],
            thing=thing.name,
            name=(thing.label or thing.name)[:LONGEST_ID],
            kind=kind,
            place=self.survey.place(number),
            fed_by=sorted(names[other] for other in self.survey.fed_by(number) if other in names),
            points=points,
            outlook=outlook(kind, [point.point for point in points]),
        )

    def _untyped(self) -> None:
        linked = {*self.survey.graph.feeders, *(up for ups in self.survey.graph.feeders.values() for up in ups)}
        for number in sorted(linked):
            if not self.survey.graph.things[number].classes:
                text = "It feeds or is fed and has no class of Brick's. Say what it is, such as brick:AHU."
                self._find("no-class", self.survey.graph.things[number], text)

    def _values(self) -> Values | None:
        read = [thing for thing in self.survey.graph.things.values() if thing.value is not None]
        if not read:
            return None
        times = sorted(at for thing in read if (at := moment(thing.at or "")) is not None)
        return Values(
            count=len(read),
            of_units=sum(bool(self.survey.chain(thing.id)) for thing in read),
            first=str(times[0]) if times else None,
            last=str(times[-1]) if times else None,
            unreadable=len(read) - len(times),
        )

    def _find(self, code: str, thing: Thing, message: str) -> None:
        self.findings.append(Finding(code=code, thing=thing.name[:LONGEST_ID], message=message))


def unit_id(name: str) -> str:
    """A name as an id that an address can hold."""
    return re.sub(r"^[^\w]", "_", re.sub(r"[^\w.:~@+-]", "_", name))[:128]


def _listed(found: dict[str, list[str]]) -> list[Named]:
    ordered = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))[:MOST_LISTED]
    return [Named(name=name, count=len(things), examples=_locals(things)) for name, things in ordered]


def _locals(things: Iterable[str]) -> list[str]:
    return [Thing(thing).name for thing in list(things)[:EXAMPLES]]
