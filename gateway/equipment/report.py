"""What is told of a Brick model: which units it has, with which points, and everything that was not understood."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from gateway.equipment.outlook import Outlook

Ids = Literal["reference", "label", "name"]
Change = Literal["new", "changed", "same"]
MOST_LISTED = 100
REFUSED = 3  # how the process for a model ends where there is no report


class FoundPoint(BaseModel):
    """A point of ours, where it stands in the model, and how it was recognised."""

    point: str
    series_id: str | None
    unit: str = Field(description="As UCUM writes it.")
    unit_assumed: bool = Field(description="The model says nothing of it.")
    thing: str
    brick_class: str
    how: Literal["class", "part", "name"] = Field(description="By its class, the part that it belongs to, or its name.")


class FoundUnit(BaseModel):
    """A unit, what it has, what can be predicted of it, and what this upload changes."""

    id: str
    thing: str
    name: str
    kind: str
    place: str | None
    fed_by: list[str]
    points: list[FoundPoint]
    outlook: Outlook
    change: Change | None = None


class Finding(BaseModel):
    """One thing that was not taken as it stands, and what to do about it."""

    code: str
    thing: str
    message: str


class Named(BaseModel):
    """A class of the model, how often it is there, and where for example."""

    name: str
    count: int
    examples: list[str]


class Renamed(BaseModel):
    """A class that Brick calls otherwise today, as which it was taken."""

    name: str
    now: str


class Unplaced(BaseModel):
    """Points that belong to no unit: how many, and some of them."""

    count: int
    examples: list[str]


class Values(BaseModel):
    """Readings that stand in the model itself: how many, of how many things that belong to units, and between when."""

    count: int
    of_units: int
    first: str | None
    last: str | None
    unreadable: int = Field(description="Those whose value or time cannot be read.")


class Report(BaseModel):
    """What a model has and what of it was not understood; long lists are cut, and their counts are whole."""

    triples: int
    units: list[FoundUnit]
    findings: list[Finding]
    finding_count: int
    unknown_classes: list[Named] = Field(description="Brick 1.4 does not have them.")
    renamed_classes: list[Renamed]
    unused_classes: list[Named] = Field(description="Points of units that nothing here looks at.")
    points_without_unit: Unplaced
    points_without_series: int
    imports: list[str] = Field(description="What owl:imports names; it was not fetched.")
    values: Values | None
