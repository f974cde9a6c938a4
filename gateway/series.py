"""Which tables of days there are: power always, and others, such as gas, that a TOML file declares.

The load model knows four columns. Values are stored under its names, here called slots: every series has its target in
the slot `load`, and may have the three of the weather. People read and write the names that the series gives them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictStr, StringConstraints, TypeAdapter, ValidationError

from bentos.load import schema
from bentos.load.schema import Number, Strict, refusal
from gateway import columns
from gateway.columns import DATE, Column, named, shown
from gateway.errors import Fault, Problem

Covariate = Literal["temperature", "humidity", "rainfall"]
Slot = Literal[Covariate, "load"]
TARGET: Slot = "load"
SLOTS: tuple[Slot, ...] = ("temperature", "humidity", "rainfall", TARGET)
LIMITS = {column.name: column for column in columns.POWER}  # the model takes no values beyond these


@dataclass(frozen=True)
class Series:
    """A table of days that each owner may keep one of: its unit, and its columns by slot, the target last."""

    name: str
    unit: str
    slots: dict[Slot, Column]

    @property
    def columns(self) -> tuple[Column, ...]:
        """Without the day."""
        return tuple(self.slots.values())

    @property
    def names(self) -> tuple[str, ...]:
        """What a table's header says, the day first."""
        return ("date", *(column.name for column in self.columns))

    @property
    def target(self) -> Column:
        """What is forecast."""
        return self.slots[TARGET]

    def placed(self, values: Sequence[float | None]) -> list[float | None]:
        """The values of its columns as ``SLOTS`` orders them; nothing where it has no such column."""
        known = dict(zip(self.slots, values, strict=True))
        return [known.get(slot) for slot in SLOTS]


POWER = Series("power", schema.Question.model_fields["unit"].default, dict(zip(SLOTS, columns.POWER, strict=True)))


def find(known: Mapping[str, Series], name: str, pointer: str = "/series") -> Series:
    """The series of this name among the settings' ``series``; 422 that names them all where it is none of them."""
    if name in known:
        return known[name]
    detail = f"There is no series {shown(name)!r}. Name one of these: {', '.join(known)}."
    fault = Fault(pointer=pointer, code="series-unknown", message="There is no such series.", value=shown(name))
    raise Problem(422, "series-unknown", detail, [fault])


def declared(path: Path | None) -> dict[str, Series]:
    """Power, and what the file declares, by name. Raises pydantic's custom error, which says all that is wrong."""
    found = {POWER.name: POWER}
    if path is not None:
        for name, declaration in _read(path).items():
            found[name] = Series(name, declaration.unit, dict(declaration.slots()))
    return found


def _printable(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise refusal("text", "write it without spaces around it and signs that cannot be seen")
    return text


def _word(text: str) -> str:
    if not named(text):
        raise refusal("word", "nothing is left of it without its brackets")
    if not text[0].isalnum():
        raise refusal("word", "begin it with a letter or a digit")
    return text


def _free(name: str) -> str:
    if name == POWER.name:
        raise refusal("name", "power is there already; choose another name")
    return name


Text = Annotated[StrictStr, Field(min_length=1, max_length=64), AfterValidator(_printable)]
Unit = Annotated[StrictStr, Field(min_length=1, max_length=16), AfterValidator(_printable)]  # as a question's
Word = Annotated[Text, AfterValidator(_word)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$"), AfterValidator(_free)]


class _Column(Strict):
    """What a column is called, and from where to where its values go: as far as the model's, where nothing is said."""

    name: Word
    called: tuple[Word, ...] = ()
    low: Number | None = None
    high: Number | None = None

    def made(self, slot: Slot) -> Column:
        widest = LIMITS[slot]
        low = widest.low if self.low is None else self.low
        high = widest.high if self.high is None else self.high
        called = dict.fromkeys(named(word) for word in (self.name, *self.called))
        return Column(self.name, tuple(called), low, high, needed=slot == TARGET)


class _Series(Strict):
    """A table of the file."""

    unit: Unit
    target: _Column
    covariates: dict[Covariate, _Column] = Field(default_factory=dict)

    def slots(self) -> Iterator[tuple[Slot, Column]]:
        """Its columns as ``SLOTS`` orders them."""
        for slot in SLOTS:
            column = self.target if slot == "load" else self.covariates.get(slot)
            if column is not None:
                yield slot, column.made(slot)


_FILE = TypeAdapter(dict[Name, _Series])


def _read(path: Path) -> dict[str, _Series]:
    try:
        found = _FILE.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as wrong:
        raise _refusal([f"{path} cannot be read: {wrong.strerror}"]) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as wrong:
        raise _refusal([f"{path} is no TOML in UTF-8: {wrong}"]) from None
    except ValidationError as wrong:
        raise _refusal([_told(error) for error in wrong.errors(include_url=False)]) from None
    if faults := [fault for name, series in found.items() for fault in _contradictions(name, series)]:
        raise _refusal(faults)
    return found


def _contradictions(name: str, series: _Series) -> Iterator[str]:
    """What no value shows alone: limits that are none or beyond the model's, and words that mean two things."""
    meanings = dict.fromkeys(DATE, "the day")
    for slot, column in series.slots():
        place = f"{name}.target" if slot == TARGET else f"{name}.covariates.{slot}"
        widest = LIMITS[slot]
        if column.low >= column.high:
            yield f"{place}: low must be less than high"
        if column.low < widest.low or column.high > widest.high:
            yield f"{place}: low and high must lie from {widest.low:g} to {widest.high:g}, as far as the model goes"
        for word in column.called:
            if (meaning := meanings.setdefault(word, place)) != place:
                yield f"{place}: {word!r} means {meaning} already; a header means one column"


def _told(error: Any) -> str:  # noqa: ANN401 - pydantic's own typed dictionary, with whatever context
    """One of pydantic's findings by its key in the file, with what is allowed there."""
    place = ".".join(str(part) for part in error["loc"] if part != "[key]")
    allowed = _Series if len(error["loc"]) == 2 else _Column
    match error["type"]:
        case "missing":
            said = "is missing"
        case "extra_forbidden":
            said = f"is no key here; {', '.join(allowed.model_fields)} are"
        case "literal_error":
            said = f"is none of the model's covariates; {error['ctx']['expected']} are"
        case "string_pattern_mismatch":
            said = "name a series by up to 32 small letters, digits, - and _, beginning with a letter"
        case "model_type" | "dict_type":
            said = "must be a table, such as [gas.target]"
        case _:
            said = error["msg"]
    return f"{place}: {said}"


def _refusal(faults: list[str]) -> Exception:
    return refusal("series_file", "{faults}", faults="; ".join(faults))
