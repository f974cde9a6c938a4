"""The file that declares other series: what it may say, and what is said of one that does not do."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

sys.path.insert(0, str(Path(__file__).parent))
from processes import ROOT, START, environment

from bentos.load.schema import Question, Reading
from gateway import columns
from gateway.errors import Problem
from gateway.series import POWER, SLOTS, find
from gateway.settings import Settings

EXAMPLE = ROOT / "docs" / "examples" / "series.toml"

PLAIN = """
[gas]
unit = "m3"
target = {name = "consumption"}
"""

BAD = {
    # name: (file, what is said of it)
    "no TOML": ("[gas\n", ["is no TOML in UTF-8", "line 1"]),
    "no UTF-8": ("[gas]\nunit = 'm³'".encode("latin-1"), ["is no TOML in UTF-8"]),
    "no unit": ("[gas]\ntarget = {name = 'x'}", ["gas.unit: is missing"]),
    "no target": ("[gas]\nunit = 'm3'", ["gas.target: is missing"]),
    "no name": ("[gas]\nunit = 'm3'\ntarget = {called = ['x']}", ["gas.target.name: is missing"]),
    "a value where a series should be": ("unit = 'm3'", ["unit: must be a table, such as [gas.target]"]),
    "a column that is a word": ("[gas]\nunit = 'm3'\ntarget = 'x'", ["gas.target: must be a table"]),
    "covariates that are a list": (PLAIN + "covariates = []", ["gas.covariates: must be a table"]),
    "a key of a series that is none": (PLAIN + "untis = 'm3'", ["gas.untis: is no key here; unit, target, covariates"]),
    "a key of a column that is none": (
        "[gas]\nunit = 'm3'\ntarget = {name = 'x', lo = 0}",
        ["gas.target.lo: is no key here; name, called, low, high are"],
    ),
    "a covariate that the model does not know": (
        PLAIN + "covariates.pressure = {name = 'pressure'}",
        ["gas.covariates.pressure: is none of the model's", "'temperature', 'humidity' or 'rainfall' are"],
    ),
    "power once more": (PLAIN.replace("[gas]", "[power]"), ["power: power is there already"]),
    "a name with a space": (PLAIN.replace("[gas]", "['natural gas']"), ["natural gas: name a series by up to"]),
    "a name that is too long": (PLAIN.replace("gas", "g" * 33), ["name a series by up to 32"]),
    "a unit of 17 letters": (PLAIN.replace("m3", "m" * 17), ["gas.unit: ", "16 characters"]),
    "a unit that is a number": (PLAIN.replace('"m3"', "3"), ["gas.unit: ", "valid string"]),
    "a unit of two lines": (PLAIN.replace("m3", "m\\n3"), ["gas.unit: write it without spaces around it"]),
    "a name of brackets alone": (PLAIN.replace("consumption", "(m3)"), ["gas.target.name: nothing is left of it"]),
    "a name like a formula": (PLAIN.replace("consumption", "=x"), ["gas.target.name: begin it with a letter"]),
    "a limit that is text": ("[gas]\nunit = 'm3'\ntarget = {name = 'x', low = '0'}", ["gas.target.low: ", "number"]),
    "a limit that is none": ("[gas]\nunit = 'm3'\ntarget = {name = 'x', high = inf}", ["gas.target.high: ", "finite"]),
    "limits the wrong way round": (
        "[gas]\nunit = 'm3'\ntarget = {name = 'x', low = 5, high = 5}",
        ["gas.target: low must be less than high"],
    ),
    "a target below zero": (
        "[gas]\nunit = 'm3'\ntarget = {name = 'x', low = -1}",
        ["gas.target: low and high must lie from 0 to 1e+12, as far as the model goes"],
    ),
    "a temperature in fahrenheit": (
        PLAIN + "covariates.temperature = {name = 'air', high = 120}",
        ["gas.covariates.temperature: low and high must lie from -90 to 70"],
    ),
    "a header that means two columns": (
        PLAIN + "covariates.rainfall = {name = 'rain', called = ['CONSUMPTION (mm)']}",
        ["gas.target: 'consumption' means gas.covariates.rainfall already"],
    ),
    "a header that means the day": (PLAIN.replace("consumption", "Date"), ["gas.target: 'date' means the day already"]),
    "two faults in two series": (
        PLAIN + "[water]\nunit = 'm3'\n[heat]\ntarget = {name = 'x'}",
        ["water.target: is missing; heat.unit: is missing"],
    ),
}  # fmt: skip


@pytest.fixture
def file(tmp_path):
    """Writes a file of series."""

    def written(text: str | bytes) -> Path:
        path = tmp_path / "series.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD)
def test_a_file_that_does_not_do_is_refused_by_key_with_what_is_allowed(file, text, said):
    with pytest.raises(ValidationError) as refused:
        Settings(series_file=file(text))
    (error,) = refused.value.errors()
    assert error["loc"] == ("series_file",)
    for part in said:
        assert part in error["msg"]


def test_a_gateway_with_such_a_file_does_not_start_and_says_why(file, tmp_path):
    told = {"DATA": tmp_path / "data", "PORT": 0, "SERIES_FILE": file("[gas]\nunit = 'm3'")}
    said = started(**told)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr == "FOREWATT_SERIES_FILE: gas.target: is missing\n"
    said = started(**told | {"SERIES_FILE": tmp_path / "none.toml"})
    assert (said.returncode, said.stderr.startswith("FOREWATT_SERIES_FILE: ")) == (2, True)
    assert not (tmp_path / "data").exists()


def started(**knobs):
    """What a gateway said that is expected to end at once."""
    return subprocess.run(  # noqa: S603
        START, env=environment(**knobs), capture_output=True, text=True, timeout=60, check=False
    )


def test_without_a_file_and_with_an_empty_one_there_is_power_alone(file):
    assert Settings().series == Settings(series_file=file("")).series == {"power": POWER}
    assert POWER.names == ("date", "temperature", "humidity", "rainfall", "load")
    assert (POWER.columns, POWER.target.name, tuple(POWER.slots)) == (columns.POWER, "load", SLOTS)


def test_a_column_goes_by_its_own_name_and_as_far_as_the_model_where_nothing_else_is_said(file):
    known = Settings(series_file=file(PLAIN + "covariates.humidity = {name = 'Damp_Air (%)', low = 5}")).series
    gas = known["gas"]
    assert (gas.unit, gas.names) == ("m3", ("date", "Damp_Air (%)", "consumption"))
    assert gas.slots["humidity"] == columns.Column("Damp_Air (%)", ("damp air",), 5, 100)
    assert gas.slots["load"] == columns.Column("consumption", ("consumption",), 0, 1e12, needed=True)
    assert gas.placed([60.0, 7.0]) == [None, 60.0, None, 7.0]


def test_the_slots_are_the_columns_of_a_reading_and_the_unit_is_as_long_as_a_questions(file):
    assert set(SLOTS) | {"date"} == set(Reading.model_fields)
    for length in (16, 17):
        question = {"series": [{"date": f"2024-01-{n + 1:02}", "load": 5} for n in range(20)], "unit": "m" * length}
        if length == 16:
            assert Question.model_validate(question).unit == "m" * length
            assert Settings(series_file=file(PLAIN.replace("m3", "m" * length))).series["gas"].unit == "m" * length
        else:
            with pytest.raises(ValidationError):
                Question.model_validate(question)


def test_the_example_declares_gas_and_water():
    known = Settings(series_file=EXAMPLE).series
    assert list(known) == ["power", "gas", "water"]
    assert known["gas"].names == ("date", "outdoor temperature", "consumption")
    assert known["water"].names == ("date", "temperature", "rain", "demand")
    assert (known["water"].slots["temperature"].low, known["water"].slots["rainfall"].high) == (-90, 500)


def test_the_page_shows_the_gas_of_the_example_and_the_limits_of_the_model():
    page = (ROOT / "docs" / "other-series.md").read_text()
    (shown,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert tomllib.loads(shown)["gas"] == tomllib.loads(EXAMPLE.read_text())["gas"]
    assert "from 0 to 1e12 for the target, from -90 to 70 °C, from 0 to 100 %, and from 0 to 3000 mm" in page
    ends = {column.name: (column.low, column.high) for column in columns.POWER}
    assert ends == {"temperature": (-90, 70), "humidity": (0, 100), "rainfall": (0, 3000), "load": (0, 1e12)}


def test_a_series_is_found_by_its_name_and_where_there_is_none_all_are_named():
    known = Settings(series_file=EXAMPLE).series
    assert find(known, "gas") is known["gas"]
    with pytest.raises(Problem, match=r"'steam'\. Name one of these: power, gas, water") as refused:
        find(known, "steam")
    assert (refused.value.status_code, refused.value.faults[0].pointer) == (422, "/series")
