"""JSON values that hold readings: a record, a unit's points on one axis of times, or an event of CloudEvents."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import from_json

from gateway.telemetry.moments import MomentError, Moments
from gateway.telemetry.records import LONGEST_KEPT, LONGEST_NAME, Arrival, Record, Refused, shown

FIELDS = {"unit_id", "point", "series", "at", "value", "uom", "source", "id"}
NAMES = FIELDS - {"at", "value"}
COMPACT = {"unit_id", "times", "points", "source", "id"}
VALUES = {"values", "unit", "uom"}
GREATEST = 1e12
EVENT_TYPE = "io.hvac.telemetry.v1"
JSON_TYPES = ("application/json", "text/json")

Entry = dict[str, Any]


class EntryError(ValueError):
    """An entry, or a part of one, that cannot be taken."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Entries:
    """Reads entries of all three forms; what is wrong becomes a refusal and harms no other."""

    def __init__(self, moments: Moments | None = None) -> None:
        self._moments = moments or Moments()

    def read(self, line: int, entry: object) -> Iterator[Arrival]:
        """The records of an entry."""
        if type(entry) is not dict:
            yield Refused(line, "form", "This is no JSON object.", kept(entry))
        elif "specversion" in entry:
            yield from self._event(line, entry)
        elif "times" in entry:
            yield from self._compact(line, entry)
        else:
            yield self._record(line, entry)

    def read_text(self, line: int, text: bytes | str) -> Iterator[Arrival]:
        """The same of text that holds an entry, or a list of them."""
        try:
            entry = from_json(text, allow_inf_nan=False)
        except ValueError as wrong:
            yield Refused(line, "not-json", f"This is not JSON: {shown(wrong)}.", kept(text))
            return
        for one in entry if type(entry) is list else [entry]:
            yield from self.read(line, one)

    def read_event(self, line: int, attributes: Mapping[str, object], payload: object) -> Iterator[Arrival]:
        """An event whose payload is one entry, or a list of them; all are known by the event's source and id."""
        try:
            marks, unit = self._named(attributes)
        except EntryError as wrong:
            yield Refused(line, wrong.reason, str(wrong), kept({**attributes, "data": payload}))
            return
        for entry in payload if isinstance(payload, list) else [payload]:
            if type(entry) is not dict or "specversion" in entry:
                yield Refused(line, "form", "The event's data is no reading.", kept({**attributes, "data": entry}))
            elif unit is None or "series" in entry:
                yield from self.read(line, entry | marks)
            else:
                yield from self.read(line, {"unit_id": unit} | entry | marks)

    def _record(self, line: int, entry: Entry) -> Arrival:
        try:
            if not FIELDS.issuperset(entry):
                raise EntryError(
                    "field-unknown", f"{shown(next(iter(entry.keys() - FIELDS)))} is no field of a record."
                )
            return Record(line, self._moments.read(entry.get("at")), _value(entry), **_names(entry))
        except (EntryError, MomentError) as wrong:
            return Refused(line, wrong.reason, str(wrong), kept(entry))

    def _compact(self, line: int, entry: Entry) -> Iterator[Arrival]:
        """Null means that there is no reading; without ``unit_id`` the points' names are those of series."""
        try:
            if not COMPACT.issuperset(entry):
                raise EntryError("field-unknown", f"{shown(next(iter(entry.keys() - COMPACT)))} is no field here.")
            times, points = entry["times"], entry.get("points")
            if type(times) is not list or type(points) is not dict:
                raise EntryError("form", "times must be a list, and points an object of lists.")
            known = {name: entry[name] for name in ("unit_id", "source", "id") if name in entry}
        except EntryError as wrong:
            yield Refused(line, wrong.reason, str(wrong), kept(entry))
            return
        for point, series in points.items():
            named = known | ({"point": point} if "unit_id" in known else {"series": point})
            yield from self._series(line, named, times, series)

    def _series(self, line: int, named: Entry, times: list[Any], series: object) -> Iterator[Arrival]:
        try:
            values, uom = _values(series, len(times))
            names = _names(named | ({} if uom is None else {"uom": uom}))
        except EntryError as wrong:
            yield Refused(line, wrong.reason, str(wrong), kept(named | {"times": times, "values": series}))
            return
        for at, value in zip(times, values, strict=True):
            if value is None:
                continue
            try:
                yield Record(line, self._moments.read(at), _number(value), **names)
            except (EntryError, MomentError) as wrong:
                yield Refused(line, wrong.reason, str(wrong), kept(named | {"at": at, "value": value}))

    def _event(self, line: int, entry: Entry) -> Iterator[Arrival]:
        attributes = {name: value for name, value in entry.items() if name not in {"data", "data_base64"}}
        try:
            payload = _data(entry)
        except ValueError as wrong:
            yield Refused(line, "event", f"The event's data cannot be read: {shown(wrong)}.", kept(entry))
            return
        yield from self.read_event(line, attributes, payload)

    @staticmethod
    def _named(attributes: Mapping[str, object]) -> tuple[Entry, object]:
        """By what an event is known, and the unit that it is about, if its key says so."""
        if attributes.get("specversion") != "1.0":
            raise EntryError("event", f"The specversion {shown(attributes.get('specversion'))} is not known.")
        for name in ("id", "source", "type"):
            if not _is_name(attributes.get(name), 255):
                raise EntryError("event", f"The event has no {name}.")
        if attributes["type"] != EVENT_TYPE:
            raise EntryError("event-type", f"Events of the type {shown(attributes['type'])} are not taken here.")
        return {name: attributes[name] for name in ("source", "id")}, attributes.get("partitionkey")


def kept(given: object) -> dict[str, Any]:
    """What came, as it goes into the dead letters: an object as it is, all else as text, and none too long."""
    if isinstance(given, bytes):
        given = given[: 4 * LONGEST_KEPT].decode(errors="replace")
    if isinstance(given, dict) and len(text := str(given)) > LONGEST_KEPT:
        given = text
    if isinstance(given, dict):
        return given
    return {"text": str(given)[:LONGEST_KEPT]}


def _data(entry: Entry) -> Any:  # noqa: ANN401 - any JSON value
    if "data_base64" in entry:
        try:
            return from_json(base64.b64decode(str(entry["data_base64"]), validate=True), allow_inf_nan=False)
        except binascii.Error as wrong:
            raise ValueError(str(wrong)) from None
    if str(entry.get("datacontenttype", JSON_TYPES[0])).partition(";")[0].strip().lower() not in JSON_TYPES:
        raise ValueError("datacontenttype must be application/json")
    return entry.get("data")


def _names(entry: Entry) -> Entry:
    names = {name: entry[name] for name in NAMES if entry.get(name) is not None}
    for name, value in names.items():
        if not _is_name(value, 255 if name in {"series", "source", "id"} else LONGEST_NAME):
            raise EntryError("name", f"{name} is {shown(value) or 'empty'}.")
    if "series" not in names and ("unit_id" not in names or "point" not in names):
        raise EntryError("form", "It does not say which point was measured.")
    return names


def _is_name(value: object, longest: int) -> bool:
    return type(value) is str and 0 < len(value) <= longest and value.isprintable()


def _value(entry: Entry) -> float | None:
    if "value" not in entry:
        raise EntryError("value", "The value is missing.")
    value = entry["value"]
    return None if value is None else _number(value)


def _number(value: object) -> float:
    if (type(value) is float or type(value) is int) and -GREATEST <= value <= GREATEST:
        return float(value)
    raise EntryError("value", f"{shown(value)} is no number that can be stored.")


def _values(series: object, wanted: int) -> tuple[list[Any], object]:
    uom = None
    if type(series) is dict:
        if not VALUES.issuperset(series):
            raise EntryError("field-unknown", f"{shown(next(iter(series.keys() - VALUES)))} is no field of a point.")
        uom, series = series.get("uom", series.get("unit")), series.get("values")
    if type(series) is not list:
        raise EntryError("form", "A point's values must be a list.")
    if len(series) != wanted:
        raise EntryError("lengths", f"There are {len(series)} values for {wanted} times.")
    return series, uom
