"""What a Brick model says, as plain ids and relations: things with their classes, and what links them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass
class Thing:
    """A subject of the model. ``measure`` and ``series`` are as written; classes are Brick's names, of any version."""

    id: str
    classes: list[str] = field(default_factory=list)
    label: str | None = None
    measure: str | None = None
    series: list[str] = field(default_factory=list)
    value: str | None = None
    at: str | None = None

    @property
    def name(self) -> str:
        """The last part of its id."""
        return local(self.id)

    @property
    def words(self) -> frozenset[str]:
        """Those of its name and label, in small letters: OA-Damper_cmd has oa, damper and cmd."""
        text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", f"{self.name} {self.label or ''}")
        return frozenset(re.findall(r"[^\W\d_]+", text.lower()))


Links = dict[str, list[str]]  # in the order of the model, each once


@dataclass
class Graph:
    """All things by id, and who is above whom: each relation once, whichever way it was written."""

    things: dict[str, Thing] = field(default_factory=dict)
    owners: Links = field(default_factory=dict)  # of a point: what it is a point of
    wholes: Links = field(default_factory=dict)  # of a part
    spots: Links = field(default_factory=dict)  # of a thing: where it is
    feeders: Links = field(default_factory=dict)  # of a thing: what feeds it
    imports: list[str] = field(default_factory=list)
    triples: int = 0


def local(iri: str) -> str:
    """What stands after the last #, / or : of an id."""
    return re.split(r"[#/]|(?<=.):", iri.rstrip("#/"))[-1] or iri


def join(links: Links, below: str, above: str) -> None:
    """One more link, if it is not there."""
    known = links.setdefault(below, [])
    if above not in known:
        known.append(above)
