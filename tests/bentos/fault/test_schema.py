"""What cannot be judged is refused where it stands, with the point's name and what to do."""

# ruff: noqa: E501 - a table is read by its rows
import json
import sys
from pathlib import Path
from typing import get_args

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from air_handler import asked, healthy

from bentos.fault.actions import ACTIONS
from bentos.fault.case import readings_of
from bentos.fault.points import CONVERSIONS, NAMES, POINTS
from bentos.fault.points import REQUIRED as REQUIRED_POINTS
from bentos.fault.schema import FaultCode, HealthyPeriod, Question
from bentos.fault.series import REQUIRED, Points
from bentos.fault.symptoms import UNLOCKS
from bentos.serving.problems import Refused

GOOD = asked(healthy())


def bad(**points):
    """The good question with some points' fields changed, or the points left out."""
    said = json.loads(json.dumps(GOOD))
    for name, change in points.items():
        if change is None:
            del said["points"][name]
        else:
            said["points"].setdefault(name, {}).update(change)
    return said


def with_value(value):
    return {"values": [*GOOD["points"]["mixed_air_temperature"]["values"][:-1], value]}


def refused(model, said):
    """Status, code and text of the refusal of what is sent; as JSON or as it stands."""
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    with pytest.raises(Refused) as found:
        model.respond(body)
    return found.value.status, found.value.code, found.value.detail


CASES = [
    ("a required point is missing", bad(mixed_air_temperature=None), 422, "missing", "/points/mixed_air_temperature"),
    ("a point is unknown", bad(mixed_air_temprature={"unit": "Cel", "values": []}), 422, "extra_forbidden", "mixed_air_temprature"),
    ("a unit is unknown", bad(return_air_temperature={"unit": "celsius"}), 422, "literal_error", "/points/return_air_temperature/unit"),
    ("a unit is another quantity's", bad(supply_fan_power={"unit": "Pa"}), 422, "literal_error", "/points/supply_fan_power/unit"),
    ("a value is text", bad(mixed_air_temperature=with_value("17.5")), 422, "float_type", "/points/mixed_air_temperature/values/287"),
    ("a value is NaN", bad(mixed_air_temperature=with_value(float("nan"))), 422, "finite_number", "/points/mixed_air_temperature/values/287"),
    ("a value is infinite", bad(mixed_air_temperature=with_value(float("inf"))), 422, "finite_number", "/points/mixed_air_temperature"),
    ("a value is true", bad(mixed_air_temperature=with_value(True)), 422, "float_type", "/points/mixed_air_temperature"),
    ("values are too few", bad(outdoor_air_temperature={"values": [1.0]}), 422, "lengths_differ", "points.outdoor_air_temperature"),
    ("times are reversed", GOOD | {"times": GOOD["times"][::-1]}, 422, "times_not_ascending", "reversed"),
    ("a time is repeated", GOOD | {"times": [GOOD["times"][1], *GOOD["times"][1:]]}, 422, "times_not_ascending", "repeated"),
    ("a time has no zone", GOOD | {"times": ["2026-05-04T00:00:00", *GOOD["times"][1:]]}, 422, "timezone_aware", "/times/0"),
    ("a time is a number", GOOD | {"times": [1777852800, *GOOD["times"][1:]]}, 422, "time_form", "/times/0"),
    ("the reference is another's", GOOD | {"reference": {"format": 1}}, 422, "reference_invalid", "/reference"),
    ("the body is not JSON", b"{", 400, "json_invalid", "JSON"),
    ("there are no points", {"unit_id": "a", "times": GOOD["times"]}, 422, "missing", "/points"),
    ("there is no unit", {key: GOOD[key] for key in ("times", "points")}, 422, "missing", "/unit_id"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "status", "code", "place"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_question_is_refused_where(said, status, code, place, model):
    found_status, found_code, detail = refused(model, said)
    assert (found_status, found_code) == (status, code)
    assert place in detail


def test_a_year_in_one_request_is_refused_with_what_may_be_sent(model):
    year = asked(healthy(365, "2025-05-05")[REQUIRED])
    assert refused(model, year)[1] == "span_too_long"
    assert "at most 96" in refused(model, year)[2]


@pytest.mark.parametrize(
    "points", [["supply_fan_status"], ["mixed_air_temperature", "return_air_temperature", "supply_air_temperature"]]
)
def test_too_little_is_refused_naming_the_points(points, model):
    silent = {point: {"values": [None] * 200 + [1.0] * 88} for point in points}
    _, code, detail = refused(model, bad(**silent))
    assert code == "too_little"
    assert all(f"{point}: 88" in detail for point in points)


def test_one_dead_sensor_is_no_reason_to_say_nothing(model):
    dead = bad(mixed_air_temperature={"values": [None] * 288})
    answer = model.answer(Question.model_validate(dead))
    assert "mixed_air_temperature" in [missing.point for missing in answer.missing]
    assert any("mixed_air_temperature" in warning for warning in answer.warnings)


def test_a_moment_of_asking_before_the_readings_leaves_too_little(model):
    assert refused(model, GOOD | {"at": "2026-05-04T06:00:00Z"})[1] == "too_little"


@pytest.mark.parametrize(
    ("point", "unit", "given", "wanted"),
    [
        ("mixed_air_temperature", "[degF]", 68.0, 20.0),
        ("mixed_air_temperature", "[degF]", -40.0, -40.0),
        ("mixed_air_temperature", "K", 293.15, 20.0),
        ("outdoor_damper_position", "1", 0.25, 25.0),
        ("duct_static_pressure", "[in_i'H2O]", 1.0, 249.08891),
        ("duct_static_pressure", "kPa", 0.25, 250.0),
        ("duct_static_pressure", "[psi]", 0.05, 344.73786),
        ("supply_air_flow", "[cft_i]/min", 1000.0, 0.47194745),
        ("supply_air_flow", "m3/h", 3600.0, 1.0),
        ("supply_air_flow", "L/s", 1000.0, 1.0),
        ("supply_fan_power", "W", 1500.0, 1.5),
    ],
)
def test_units_are_converted(point, unit, given, wanted):
    said = bad(**{point: {"unit": unit, "values": [given] * 288}})
    assert readings_of(Question.model_validate(said))[point].iloc[0] == pytest.approx(wanted)


def test_every_unit_of_a_point_has_its_conversion_and_every_conversion_its_unit():
    for name, field in Points.model_fields.items():
        series = next(kind for kind in (field.annotation, *get_args(field.annotation)) if hasattr(kind, "model_fields"))
        units = get_args(series.model_fields["unit"].annotation)
        assert set(units) == set(CONVERSIONS[POINTS[name].quantity]), name


def test_points_actions_and_explanations_are_complete():
    assert list(Points.model_fields) == NAMES
    assert REQUIRED == REQUIRED_POINTS
    assert set(ACTIONS) == set(get_args(FaultCode))
    assert set(UNLOCKS) == set(NAMES)
    for action in ACTIONS.values():
        assert action.en.isascii() or "–" in action.en
        assert any("\u4e00" <= letter <= "\u9fff" for letter in action.zh)
        assert set(action.look_at) <= set(NAMES)


def test_a_healthy_period_may_be_two_months_and_no_more():
    with pytest.raises(ValueError, match="at most 1488"):
        HealthyPeriod.model_validate(asked(healthy(63)))
