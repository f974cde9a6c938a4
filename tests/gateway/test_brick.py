"""A Brick model is read within limits and without a network, and says what it has and what was not understood."""

import socket
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from models import AHU, model, shared

from gateway.equipment import brick
from gateway.equipment.account import Account
from gateway.equipment.brick import ModelError
from gateway.equipment.classes import is_a, meant
from gateway.equipment.measures import in_label, ucum
from gateway.equipment.survey import survey

PIECES = [*rb". ; [ ] ' : < > { } a @ # ^^ _:x 1e9 ( ) \\".split(), b'"', b"", b" ", b"\xff", b"\0"]


def report(turtle, ids="reference", prefix=""):
    return Account(survey(brick.read(turtle)), ids, prefix).report()


def unit(turtle, number, **options):
    return next(unit for unit in report(turtle, **options).units if unit.id == number)


def points(turtle, number, **options):
    return {each.point: each for each in unit(turtle, number, **options).points}


def codes(turtle):
    return {(found.code, found.thing) for found in report(turtle).findings}


def with_point(text):
    return model(f":a a brick:AHU ; brick:hasPoint :p . :p {text} .")


def test_points_are_known_by_class_and_part_and_the_command_comes_before_the_sensor():
    found = points(AHU, "ahu-1")
    assert {name: each.thing for name, each in found.items() if each.how == "class"} == {
        "outdoor_air_temperature": "oat",
        "supply_air_temperature": "sat",
        "duct_static_pressure": "sp",
        "occupied": "occupied",
    }
    assert found["outdoor_damper_position"].thing == "oad-cmd"
    assert {name: each.series_id for name, each in found.items() if each.how == "part"} == {
        "supply_fan_status": "fan-on",
        "supply_fan_speed": "fan-speed",
        "cooling_valve_position": None,
        "outdoor_damper_position": None,
    }


def test_a_unit_has_its_place_its_kind_and_what_feeds_it():
    ahu, vav = unit(AHU, "ahu-1"), unit(AHU, "vav-1")
    assert (ahu.name, ahu.kind, ahu.place, ahu.fed_by) == ("AHU 1", "AHU", "实验楼 / Roof", [])
    assert (vav.name, vav.kind, vav.fed_by) == ("vav-1", "VAV", ["ahu-1"])
    assert not vav.outlook.predictable
    assert not ahu.outlook.predictable
    assert "return_air_temperature" in {each.point for each in ahu.outlook.missing}


def test_time_series_are_found_by_every_form_that_brick_has_had():
    assert points(AHU, "vav-1")["zone_temperature"].series_id == "zone-1"
    assert points(AHU, "ahu-1")["outdoor_air_temperature"].series_id == "oat-1"
    assert points(AHU, "ahu-1")["supply_air_temperature"].series_id == "sat-1"
    assert points(AHU, "ahu-1", ids="name")["occupied"].series_id == "occupied"
    assert points(AHU, "ahu-1")["occupied"].series_id is None
    assert report(AHU).points_without_series == 4


def test_units_of_measure_become_ucum_and_what_is_not_said_is_told():
    found = points(AHU, "ahu-1") | points(AHU, "vav-1")
    assert {name: each.unit for name, each in found.items()} == {
        "outdoor_air_temperature": "Cel",
        "supply_air_temperature": "[degF]",
        "duct_static_pressure": "[in_i'H2O]",
        "supply_fan_speed": "%",
        "supply_fan_status": "1",
        "cooling_valve_position": "%",
        "outdoor_damper_position": "1",
        "occupied": "1",
        "zone_temperature": "K",
    }
    assert [name for name, each in found.items() if each.unit_assumed] == []
    without = points(with_point("a brick:Mixed_Air_Temperature_Sensor"), "a")["mixed_air_temperature"]
    assert (without.unit, without.unit_assumed) == ("Cel", True)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("DEG_F", "[degF]"),
        ("INWG", "[in_i'H2O]"),
        ("FT3-PER-MIN", "[cft_i]/min"),
        ("KiloW", "kW"),
        ("L-PER-SEC", "L/s"),
        ("%", "%"),
        ("CANDELA", None),
    ],
)
def test_what_qudt_and_older_models_call_a_unit_is_ucum_here(name, code):
    assert ucum(name) == code


def test_a_label_may_say_the_unit_at_its_end():
    assert (in_label("OAT (°F)"), in_label("SA Static [inH₂O]"), in_label("Fan (old)")) == (
        "[degF]",
        "[in_i'H2O]",
        None,
    )
    labelled = with_point('a brick:Return_Air_Temperature_Sensor ; rdfs:label "RAT (°F)"')
    assert points(labelled, "a")["return_air_temperature"].unit == "[degF]"


def test_a_wrong_or_unknown_unit_of_measure_keeps_a_point_out_and_says_why():
    assert codes(with_point("a brick:Mixed_Air_Temperature_Sensor ; brick:hasUnit unit:PA")) == {("measure-wrong", "p")}
    assert codes(with_point("a brick:Mixed_Air_Temperature_Sensor ; brick:hasUnit unit:FURLONG")) == {
        ("measure-unknown", "p")
    }


def test_deprecated_and_older_classes_are_taken_for_what_they_mean():
    found = report(with_point("a brick:Chilled_Water_Supply_Temperature_Sensor"))
    assert [(one.name, one.now) for one in found.renamed_classes] == [
        ("Chilled_Water_Supply_Temperature_Sensor", "Leaving_Chilled_Water_Temperature_Sensor")
    ]
    assert found.units[0].points[0].point == "chilled_water_supply_temperature"
    old = b"""@prefix b: <https://brickschema.org/schema/1.0.2/Brick#> .
    @prefix f: <https://brickschema.org/schema/1.0.2/BrickFrame#> .
    <urn:x:a> a b:AHU ; f:hasPoint <urn:x:t> . <urn:x:t> a b:Outside_Air_Temperature ."""
    assert "outdoor_air_temperature" in points(old, "a")
    assert meant("Electrical_Power_Sensor") == ("Electric_Power_Sensor", "Electric_Power_Sensor")
    assert meant("Speed_Status") == ("Speed_Status", "Speed_Mode_Status")
    assert is_a("Chilled_Water_Pump", "Pump")


def test_what_brick_does_not_have_is_named_and_counted():
    found = report(
        model(":a a brick:AHU ; brick:hasPoint :p, :q . :p a brick:Vibration_Sensor . :q a brick:Vibration_Sensor .")
    )
    (unknown,) = found.unknown_classes
    assert (unknown.name, unknown.count, unknown.examples) == ("Vibration_Sensor", 2, ["p", "q"])


def test_two_points_for_one_role_are_left_to_whoever_knows():
    two = model(
        ":a a brick:AHU ; brick:hasPoint :p, :q . "
        ":p a brick:Return_Air_Temperature_Sensor . :q a brick:Return_Air_Temperature_Sensor ."
    )
    assert codes(two) == {("two-points-one-role", "a")}
    assert points(two, "a") == {}


def test_one_time_series_for_two_points_is_nobodys():
    both = model("""
    :a a brick:AHU ; brick:hasPoint :p, :q .
    :p a brick:Mixed_Air_Temperature_Sensor ; ref:hasTimeseriesId "x" .
    :q a brick:Return_Air_Temperature_Sensor ; ref:hasTimeseriesId "x" .""")
    assert codes(both) == {("series-twice", "p"), ("series-twice", "q")}
    assert {each.series_id for each in points(both, "a").values()} == {None}


def test_a_valve_or_damper_of_which_nobody_says_what_it_is_for_is_known_by_name_or_not_at_all():
    assert codes(with_point("a brick:Valve_Command")) == {("part-unclear", "p")}
    named = model(
        ":a a brick:AHU ; brick:hasPoint :CHW_Valve, :HW_Valve, :RA_Damper . "
        ":CHW_Valve a brick:Valve_Command . :HW_Valve a brick:Valve_Command . :RA_Damper a brick:Damper_Command ."
    )
    found = points(named, "a")
    assert {name: (each.thing, each.how) for name, each in found.items()} == {
        "cooling_valve_position": ("CHW_Valve", "name"),
        "heating_valve_position": ("HW_Valve", "name"),
    }


def test_equipment_without_a_class_and_equal_ids_are_told():
    untyped = model(":a brick:feeds :v . :v a brick:VAV . <http://other.org/v> a brick:VAV .")
    assert codes(untyped) == {("no-class", "a"), ("same-id", "v")}
    assert codes(model(":room a brick:Room .")) == {("no-units", "")}


def test_loops_of_what_feeds_what_and_of_parts_end():
    loop = model(
        ":p a brick:Pump ; brick:feeds :c ; brick:isPartOf :x . :c a brick:Chiller ; brick:feeds :p . "
        ":x brick:isPartOf :y . :y brick:isPartOf :x ."
    )
    assert {one.id: one.fed_by for one in report(loop).units} == {"p": ["c"], "c": ["p"]}


def test_a_prefix_keeps_equal_names_of_two_buildings_apart():
    assert [one.id for one in report(AHU, prefix="b2.").units] == ["b2.ahu-1", "b2.vav-1"]


def test_values_that_stand_in_the_model_are_counted_with_their_time():
    found = report(
        with_point('a brick:Mixed_Air_Temperature_Sensor ; brick:value "17.5" ; brick:hasTimestamp "2018/1/1 1:00"')
    )
    assert (found.values.count, found.values.of_units, found.values.first) == (1, 1, "2018-01-01 01:00:00")


def test_an_import_is_named_and_never_fetched():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/Brick.ttl"
        found = report(model(f"<http://example.org> a owl:Ontology ; owl:imports <{address}> ."))
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert found.imports == [address]


@pytest.mark.parametrize(
    ("turtle", "code", "line"),
    [
        (b"<a> <b> <c> .\n<d> <e> .\n", "turtle-broken", 2),
        (b"<a> <b> <c> .\n\n<d> <e> ", "turtle-broken", 3),
        (b"<a> <b> 'open", "turtle-broken", 1),
        (b"no prefix:here a <x> .", "turtle-broken", 1),
        (b"{ <a> <b> <c> } .", "turtle-broken", 1),
        (b'<rdf:RDF xmlns="x"></rdf:RDF>', "turtle-broken", 1),
        (b'{"@context": "http://example.org"}', "turtle-broken", 1),
        (b"<a> <b> '\xff' .", "not-utf8", 1),
        (b"\x00" * 100, "turtle-broken", 1),
        (b"<a> <b> " + b"[ <c> " * 3000, "nested-too-deep", 1),
        (b"@prefix p: <http://x/" + b"x" * 3000 + b"> .\np:a p:b p:c .", "id-too-long", 1),
    ],
    ids=["half", "cut", "quote", "prefix", "n3", "xml", "json", "latin", "nul", "deep", "long"],
)
def test_what_is_no_turtle_is_refused_with_its_line(turtle, code, line):
    with pytest.raises(ModelError) as refused:
        brick.read(turtle)
    assert (refused.value.code, refused.value.line) == (code, line)


def test_too_many_triples_are_refused_where_they_become_too_many(monkeypatch):
    monkeypatch.setattr(brick, "MOST_TRIPLES", 100)
    brick.read(b"\n".join(b"<a> <b> <c%d> ." % n for n in range(100)))
    with pytest.raises(ModelError, match="more than 100 triples"):
        brick.read(b"\n".join(b"<a> <b> [] ." for _ in range(101)))


def test_a_literal_is_text_and_nothing_of_it_is_worked_out():
    bomb = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>]><x>&a;</x>"
    huge = model(
        f':a a brick:AHU ; rdfs:label "{"x" * 100_000}" ; brick:value "9{"0" * 9999}"^^xsd:integer ; '
        f'rdfs:comment "{bomb}"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#XMLLiteral> .'
    )
    assert len(unit(huge, "a").name) == 255


def test_letters_that_no_database_takes_are_replaced():
    odd = model(
        r'<http://x/a\u0000a> a brick:AHU ; rdfs:label "one\u0000two\uD800" ; brick:hasPoint :p .'
        r':p a brick:Occupancy_Status ; ref:hasTimeseriesId "x\ny" .'
    )
    (found,) = report(odd).units
    assert (found.thing, found.name, found.points[0].series_id) == ("a\ufffda", "one\ufffdtwo\ufffd", "x\ufffdy")


def outcome(turtle):
    """As the process for a model would end: what is told, and where."""
    try:
        return "read", bool(report(turtle).model_dump_json())
    except ModelError as refused:
        return refused.code, refused.line


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_whatever_happens_to_a_model_there_is_a_report_or_a_refusal(data):
    broken = bytearray(AHU)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(400, len(broken) - 1))
        length = data.draw(st.sampled_from([0, 1, 1, 5, 60]))
        broken[place : place + length] = data.draw(st.sampled_from(PIECES))
    code, line = outcome(bytes(broken))
    assert code in {"read", "turtle-broken", "not-utf8", "nested-too-deep"}
    assert 1 <= line <= broken.count(b"\n") + 1


@pytest.mark.parametrize(
    ("name", "kinds", "predictable"),
    [
        ("chiller-plant", {"Chiller": 3, "Condensing_Unit": 3, "Cooling_Tower": 3, "Chilled_Water_Pump": 4}, 0),
        ("g36-ahu-a9", {"AHU": 1, "VAV": 1}, 1),
        ("g36-combined-ahu-vav", {"AHU": 1, "VAV": 1}, 1),
        ("rice_brick", {"AHU": 4, "VAV": 8}, 0),
        ("soda_brick", {"AHU": 5, "VAV": 243, "Exhaust_Fan": 5}, 0),
    ],
)
def test_the_examples_of_brick_itself_load_with_their_units(name, kinds, predictable):
    found = report(shared(f"brick_examples/{name}.ttl").read_bytes())
    assert {kind: sum(one.kind == kind for one in found.units) for kind in kinds} == kinds
    assert sum(one.outlook.predictable for one in found.units) == predictable
    assert found.imports == (["https://brickschema.org/schema/1.4/Brick"] if predictable or "plant" in name else [])


def test_an_old_example_says_what_it_is_that_nobody_understands():
    rice = report(shared("brick_examples/rice_brick.ttl").read_bytes())
    assert {"Unknown", "Chilled_Discharge_Water"} <= {each.name for each in rice.unknown_classes}
    assert {found.thing for found in rice.findings if found.code == "no-class"} == {f"AHU_{n}" for n in range(5, 9)}
    soda = report(shared("brick_examples/soda_brick.ttl").read_bytes())
    assert {found.thing[:13] for found in soda.findings if found.code == "part-unclear"} == {"mixed_air_dmp"}
    fed = {one.id: one.fed_by for one in soda.units}
    assert (fed["vav_C180"], fed["vav_R306"]) == (["ahu_A1"], ["ahu_A2"])


def test_five_years_of_values_in_turtle_are_counted_and_belong_to_no_unit():
    found = report(shared("hvac_five_years_daily/Five_Years_Daily_Data.ttl").read_bytes())
    assert (found.values.count, found.values.of_units, found.values.unreadable) == (1801, 0, 0)
    assert (found.values.first, found.values.last) == ("2018-01-01 01:00:00", "2023-01-01 01:00:00")
    assert [each.name for each in found.unknown_classes] == ["POWER"]
    assert found.points_without_unit.count == 1801
