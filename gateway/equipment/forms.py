"""Units as JSON has them: what may be declared and what is shown."""

from __future__ import annotations

from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from gateway.equipment.measures import NAMES, allowed
from gateway.equipment.outlook import Outlook, named

KIND = r"^[A-Z][A-Za-z0-9_-]{0,63}$"
ID = r"^\w[\w.:~@+-]{0,127}$"


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (OSError, ValueError, KeyError):  # a folder, a way out, none of this name
        raise ValueError("write a time zone as IANA names it, such as Asia/Shanghai or UTC") from None


def _point(name: str) -> str:
    if name not in NAMES:
        near = get_close_matches(name, NAMES, 3, 0.3) or NAMES[:3]
        raise ValueError(f"there is no point of this name; near it are {', '.join(near)}, and /docs lists all")
    return name


Text = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]
PointName = Annotated[str, AfterValidator(_point), Field(json_schema_extra={"enum": NAMES})]


class PointOf(BaseModel):
    """Under which id its readings come, if not under the unit's and the point's own, and in which unit of measure."""

    model_config = ConfigDict(extra="forbid")

    series_id: Text | None = None
    unit: str = Field(description="As UCUM writes it: Cel, [degF], %, Pa, [in_i'H2O], m3/s, kW, 1.")

    def check(self, point: str) -> None:
        """Raises ``ValueError`` where this point does not come in such a unit."""
        if self.unit not in (codes := allowed(point)):
            raise ValueError(f"{point} comes in {' or '.join(codes)}, not in {self.unit[:32]}")


class NewUnit(BaseModel):
    """A unit: what it is, where, in which zone its clocks go, how often it is predicted, its points, what feeds it."""

    model_config = ConfigDict(extra="forbid")

    name: Text | None = Field(None, description="Its id where nothing is said.")
    kind: Annotated[str, Field(pattern=KIND), AfterValidator(named)] = Field("AHU", description="A class of Brick.")
    place: Text | None = None
    zone: Annotated[str, Field(max_length=64), AfterValidator(_zone)] | None = None
    interval_s: Annotated[int, Field(strict=True, ge=60, le=86_400)] = 900
    points: dict[PointName, PointOf] = {}
    fed_by: Annotated[list[Annotated[str, Field(pattern=ID)]], Field(max_length=100)] = []

    @model_validator(mode="after")
    def _measured_as_we_can_read(self) -> Self:
        for name, point in self.points.items():
            point.check(name)
        return self


class ShownUnit(BaseModel):
    """A unit, whether it can be predicted, and how many points it has."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    kind: str
    place: str | None
    zone: str | None
    interval_s: int
    created_at: datetime
    changed_at: datetime
    changed_by_name: str
    reference_at: datetime | None = Field(description="When it was told what the unit is like when healthy.")


class ListedUnit(ShownUnit):
    """The same in a list."""

    point_count: int = 0
    predictable: bool = False


class WholeUnit(ShownUnit):
    """The same with its points, its neighbours, and what can be predicted of it."""

    points: dict[str, PointOf] = {}
    fed_by: list[str] = []
    feeds: list[str] = []
    outlook: Outlook


class Listed(BaseModel):
    """Some units by id; the Link header leads to the next of them."""

    items: list[ListedUnit]


class Asked(BaseModel):
    """How many at once, of which kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int = Field(100, ge=1, le=500)
    after: str | None = Field(None, pattern=ID, description="The id of the last unit of the page before.")
    kind: str | None = Field(None, pattern=KIND)


class Healthy(BaseModel):
    """What a unit is like when healthy, as the inference server's /diagnose/reference answered it."""

    model_config = ConfigDict(extra="forbid")

    unit_id: str | None = None
    reference: dict[str, JsonValue]


class KeptHealthy(BaseModel):
    """What is kept of it, and since when."""

    unit_id: str
    reference: dict[str, Any] | None
    reference_at: datetime | None
