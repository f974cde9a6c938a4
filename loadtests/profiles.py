"""What a suite is asked to do and what is enough: ``slo.toml``, read and checked."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from loadtests.shapes import SHAPES, Stage, length_s

SLO = Path(__file__).with_name("slo.toml")

Target = Literal[
    "p50_ms",
    "p90_ms",
    "p95_ms",
    "p99_ms",
    "p999_ms",
    "errors",
    "rejected",
    "goodput",
    "per_s",
    "rows_per_s",
    "concurrency",
]
Above = Annotated[float, Field(ge=0)]


class Profile(BaseModel):
    """One way to run a suite. ``level`` is requests a second for an open loop, callers for a closed one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    suite: str
    name: str
    why: str = ""
    loop: Literal["open", "closed"] = "open"
    arrivals: Literal["poisson", "constant"] = "poisson"
    shape: Literal["steady", "ramp", "spike", "stress", "soak", "day"] = "steady"
    level: Annotated[float, Field(gt=0)]
    seconds: Annotated[float, Field(gt=0)] = 60.0
    warmup_s: Annotated[int, Field(ge=0)] = 5
    deadline_ms: Annotated[int, Field(ge=1)] = 500
    rows: Annotated[int, Field(ge=1)] = 1
    pause_s: Above = 0.0  # a caller's, in a closed loop, between an answer and his next question
    targets: Mapping[Target, Above]

    @property
    def stages(self) -> list[Stage]:
        """What is judged, after the warm-up at its first level."""
        return SHAPES[self.shape](self.level, self.seconds)

    @property
    def with_warmup(self) -> list[Stage]:
        """Everything that is sent."""
        first = max(self.stages[0].start, self.stages[0].end / 10)
        return [Stage(self.warmup_s, first, first), *self.stages]

    @property
    def judged_s(self) -> float:
        """Without the warm-up."""
        return length_s(self.stages)


class ProfileError(Exception):
    """There is no such profile, or what is written of it makes no sense; the text says what to do."""


def names(suite: str, path: Path = SLO) -> list[str]:
    """The profiles of a suite, in the order of the file."""
    return list(_table(path).get(suite, {}))


def load(suite: str, name: str, path: Path = SLO, **changes: float) -> Profile:
    """A profile by name; ``changes`` replace its fields."""
    try:
        said = _table(path)[suite][name]
    except KeyError:
        there = ", ".join(names(suite, path)) or "none"
        raise ProfileError(f"{path.name} has no [{suite}.{name}]; of {suite} there are: {there}.") from None
    try:
        return Profile(**(said | {"suite": suite, "name": name} | changes))
    except ValidationError as wrong:
        first = wrong.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ProfileError(f"{path.name}, [{suite}.{name}], {place}: {first['msg']}.") from None


def _table(path: Path) -> dict[str, dict[str, dict[str, object]]]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as broken:
        raise ProfileError(f"{path.name} is not TOML: {broken}.") from None
