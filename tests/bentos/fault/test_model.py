"""The model's answer holds what a technician needs, and nothing that was not known at the moment of asking."""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from air_handler import asked, changed, healthy
from tiny import description, graph

from bentos.artifact import ArtifactError, Golden, open_artifact, save
from bentos.fault.case import prepare_case
from bentos.fault.diagnosis import Opinion, certain, chosen, lead_hours, level_by_rules, level_of
from bentos.fault.model import GRAPH, FaultModel, comparable, reference_answer
from bentos.fault.schema import Answer, Question, Suspect
from bentos.fault.windows import CHANNELS, STEPS
from bentos.serving.problems import Refused

MONTHS = healthy(42, "2026-04-06")
HEALTHY, LATER = MONTHS[: 21 * 96], MONTHS[21 * 96 :]


@pytest.fixture(scope="module")
def reference():
    return json.loads(reference_answer(json.dumps(asked(HEALTHY)).encode()))["reference"]


def answered(model, readings, **fields) -> Answer:
    """Through JSON both ways, as a caller sees it."""
    return Answer.model_validate_json(model.respond(json.dumps(asked(readings, **fields)).encode()))


def drifted(model, reference, kelvin=3.0, **silent):
    """A unit whose mixed air sensor went off step by step for three weeks, asked about every day."""
    ramp = np.linspace(0, kelvin, len(LATER))
    readings = changed(LATER, mixed_air_temperature=lambda column: column + ramp)
    readings = changed(readings, slice(-12, None), **silent)
    for day in range(3, 22):
        answer = answered(model, readings[(day - 3) * 96 : day * 96], reference=reference)
        reference = answer.reference
    return answer


def test_a_healthy_unit_is_told_to_be_healthy(model, reference):
    answer = answered(model, LATER[: 3 * 96], reference=reference)
    assert (answer.level, answer.fault, answer.action, answer.evidence) == (0, None, None, [])
    assert answer.verdicts.agree
    assert answer.verdicts.rules.judged
    assert not answer.verdicts.rules.faulty
    assert answer.predicted_time is None
    assert answer.has_reference


def test_a_drift_of_weeks_is_seen_through_the_reference_that_is_carried(model, reference):
    answer = drifted(model, reference)
    assert answer.fault == "F-SEN-DRIFT"
    assert answer.level >= 2
    assert answer.action.en
    assert answer.action.zh
    assert answer.predicted_time > answer.at
    assert answer.lead_hours == pytest.approx((answer.predicted_time - answer.at) / timedelta(hours=1))
    found = [piece for piece in answer.evidence if piece.source == "model"]
    assert found[0].code == "mixing"
    assert "mixed_air_temperature" in found[0].points
    assert answer.verdicts.balance.faulty


def test_without_its_history_the_same_drift_is_less_likely(model, reference):
    with_history = drifted(model, reference)
    ramp = np.linspace(0, 3.0, len(LATER))
    last = changed(LATER, mixed_air_temperature=lambda column: column + ramp)[-3 * 96 :]
    alone = answered(model, last)
    assert alone.chances[-1].probability < with_history.chances[-1].probability
    assert not alone.has_reference
    assert any("No reference" in warning for warning in alone.warnings)


def test_probabilities_never_fall_with_the_horizon_and_are_calibrated_by_the_manifest(model, artifact, tmp_path):
    rows = np.abs(model.examples(20))
    chances, types, severity = model.predict(rows)
    assert (np.diff(chances, axis=1) >= 0).all()
    np.testing.assert_allclose(types.sum(axis=1), 1, rtol=1e-6)
    assert ((severity >= 0) & (severity <= 1)).all()
    golden = Golden(question={}, answer={})
    save(tmp_path / "sure", description(golden, slope=[0.5] * 6, offset=[-1.0] * 6), {GRAPH: graph()})
    other, *_ = FaultModel(open_artifact(tmp_path / "sure")).predict(rows[:, :1].repeat(STEPS, axis=1) * 0)
    np.testing.assert_allclose(other[0, 0], 1 / (1 + np.exp(0.5 * 6 + 1.0)))


def test_windows_together_are_each_as_if_alone(model):
    rows = model.examples(5)
    for together, name in zip(model.predict(rows), ("hazard", "type", "severity"), strict=True):
        alone = np.concatenate([model.predict(row[None])[[o.name for o in model.outputs].index(name)] for row in rows])
        np.testing.assert_allclose(together, alone, rtol=1e-5)


def test_readings_after_the_moment_of_asking_leave_the_answer_identical(model, reference):
    window, at = LATER[: 3 * 96 + 40], LATER.index[3 * 96].isoformat()
    later = changed(window, slice(3 * 96, None), mixed_air_temperature=45.0, supply_fan_status=0.0)
    first = model.respond(json.dumps(asked(window, at=at, reference=reference)).encode())
    assert first == model.respond(json.dumps(asked(later, at=at, reference=reference)).encode())
    assert first == model.respond(json.dumps(asked(window[: 3 * 96], at=at, reference=reference)).encode())


def test_degrees_fahrenheit_are_answered_as_degrees_celsius(model, reference):
    said = asked(LATER[: 3 * 96], reference=reference)
    for series in said["points"].values():
        if series["unit"] == "Cel":
            series |= {"unit": "[degF]", "values": [value * 9 / 5 + 32 for value in series["values"]]}
    celsius = answered(model, LATER[: 3 * 96], reference=reference)
    fahrenheit = Answer.model_validate_json(model.respond(json.dumps(said).encode()))
    assert comparable(fahrenheit) == pytest.approx(comparable(celsius), abs=1e-3)


def test_a_fan_that_failed_is_critical_whatever_the_network_says(model, reference):
    failed = changed(LATER[: 3 * 96], slice(2 * 96 + 40, None), supply_fan_status=0.0, supply_fan_speed=80.0)
    answer = answered(model, failed, reference=reference)
    assert (answer.fault, answer.level, answer.level_from) == ("F-FAN-FAIL", 4, "rules")
    assert answer.lead_hours == 0
    assert [piece.code for piece in answer.evidence if piece.source == "rule"] == ["CMD-1"]
    assert answer.verdicts.differences


def test_where_the_judges_part_it_is_said(model, reference):
    clogged = changed(LATER[: 3 * 96], filter_pressure_drop=lambda column: column * 2)
    answer = answered(model, clogged)
    assert not answer.verdicts.model.faulty
    assert answered(model, clogged, reference=reference).verdicts.rules.fault == "F-FILTER"
    with_reference = answered(model, clogged, reference=reference).verdicts
    assert not with_reference.agree
    assert any("rules" in text and "balance" in text for text in with_reference.differences)


def test_what_is_missing_is_told_with_what_it_would_show(model):
    answer = answered(model, LATER[: 3 * 96].drop(columns=["filter_pressure_drop", "zone_temperature"]))
    told = {missing.point: missing.unlocks for missing in answer.missing}
    assert set(told) == {"filter_pressure_drop", "zone_temperature"}
    assert "F-FILTER" in told["filter_pressure_drop"][0]


def test_data_that_went_silent_is_told_with_its_age(model, reference):
    at = (LATER.index[3 * 96] + timedelta(hours=5)).isoformat()
    answer = answered(model, LATER[5 * 4 : 3 * 96], at=at, reference=reference)
    assert answer.fault == "F-COMMS"
    assert any("hours old" in warning for warning in answer.warnings)


def test_a_silent_point_is_a_notice_and_what_the_network_sees_besides_is_named_before_it(model, reference):
    silent = {"heating_valve_position": np.nan}
    alone = answered(model, changed(LATER[: 3 * 96], slice(-12, None), **silent), reference=reference)
    assert (alone.fault, alone.level, alone.level_from) == ("F-COMMS", 1, "rules")
    assert alone.lead_hours is None  # nothing is lost
    answer = drifted(model, reference, **silent)
    assert (answer.fault, answer.level_from) == ("F-SEN-DRIFT", "model")
    assert answer.alternatives[0] == Suspect(fault="F-COMMS", probability=1)
    assert answer.lead_hours > 0


STUCK = {"mixed_air_temperature": 16.5}
DEAD = {"heating_valve_position": np.nan}


@pytest.mark.parametrize(
    ("columns", "level", "named", "beside", "by_rules"),
    [
        (STUCK, 0, "F-SEN-STUCK", [], 2),
        (STUCK, 2, "F-SEN-STUCK", [], 2),
        (STUCK, 3, "F-SEN-STUCK", [], 2),
        (DEAD, 0, "F-COMMS", [], 1),
        (DEAD, 1, "F-CCV-STUCK", ["F-COMMS"], 0),
        (STUCK | DEAD, 0, "F-SEN-STUCK", ["F-COMMS"], 2),
        (STUCK | DEAD, 3, "F-SEN-STUCK", ["F-COMMS"], 2),
        (DEAD, 3, "F-CCV-STUCK", ["F-COMMS"], 0),
    ],
)
def test_what_rules_see_for_certain_is_named_or_stands_beside(columns, level, named, beside, by_rules):
    readings = LATER[: 3 * 96].copy()
    for name, value in columns.items():
        readings.iloc[-12 if np.isnan(value) else 0 :, readings.columns.get_loc(name)] = value
    case = prepare_case(Question.model_validate_json(json.dumps(asked(readings))))
    faults = {"F-CCV-STUCK": 0.5, "F-ECON": 0.2, "F-FILTER": 0.15, "F-OAD-LEAK": 0.15}
    opinion = Opinion([0.1] * 6, faults, 0.5, level)
    known = certain(case, opinion)
    fault, others = chosen(case, opinion, known)
    assert fault == named
    assert sorted(one.fault for one in others if one.probability == 1) == sorted(beside)
    assert level_by_rules(known) == by_rules
    if named == "F-CCV-STUCK":
        assert [one.fault for one in others][len(beside) :] == ["F-ECON", "F-FILTER", "F-OAD-LEAK"]


def test_a_reference_from_the_future_is_told(model, reference):
    answer = answered(model, MONTHS[10 * 96 : 13 * 96], reference=reference)
    assert any("knows the future" in warning for warning in answer.warnings)


def test_every_answer_says_what_it_learnt_from(model):
    answer = answered(model, LATER[: 3 * 96])
    assert answer.simulated_training
    assert answer.model.version == model.version
    assert any("simulated" in warning for warning in answer.warnings)
    assert datetime.fromisoformat(asked(LATER[: 3 * 96])["times"][-1]) < answer.at


def test_a_period_that_is_too_short_makes_no_reference():
    with pytest.raises(Refused) as refused:
        reference_answer(json.dumps(asked(HEALTHY[: 5 * 96])).encode())
    assert (refused.value.status, refused.value.code) == (422, "period_too_short")


def test_the_golden_question_is_answered_as_recorded_and_another_answer_is_refused(model, tmp_path):
    model.prove()
    wrong = Golden(question=model.manifest.golden.question, answer={**model.manifest.golden.answer, "severity": 0.9})
    save(tmp_path / "wrong", description(wrong), {GRAPH: graph()})
    with pytest.raises(ArtifactError, match="golden"):
        FaultModel(open_artifact(tmp_path / "wrong")).prove()


def test_an_artifact_that_needs_a_channel_which_windows_do_not_have_is_refused(tmp_path):
    other = description(Golden(question={}, answer={})).model_copy(update={"features": [*CHANNELS[:-1], "vibration"]})
    save(tmp_path / "other", other, {GRAPH: graph()})
    with pytest.raises(ArtifactError, match="vibration"):
        FaultModel(open_artifact(tmp_path / "other"))


def test_the_time_of_a_loss_lies_where_it_becomes_more_likely_than_not():
    assert lead_hours([0, 0, 0, 0, 0.2, 0.4]) is None
    assert lead_hours([0, 0, 0, 0.4, 0.6, 0.9]) == 120.0
    assert lead_hours([1, 1, 1, 1, 1, 1]) == 0.5


@pytest.mark.parametrize(
    ("notice", "level", "unsure"),
    [({"on": 0.0, "off": 0.0}, 1, False), ({"on": 1.0, "off": 0.0}, 0, True), ({"on": 1.0, "off": 1.0}, 0, False)],
)
def test_a_notice_goes_by_how_sure_the_network_is_of_one_fault(notice, level, unsure, tmp_path):
    save(tmp_path / "one", description(Golden(question={}, answer={}), notice=notice, levels=[]), {GRAPH: graph()})
    answer = answered(FaultModel(open_artifact(tmp_path / "one")), LATER[: 3 * 96])
    assert (answer.level, answer.unsure, answer.fault is None) == (level, unsure, level == 0)


def test_the_level_is_the_highest_whose_probability_is_reached(model):
    levels = model.parameters.levels
    assert level_of([0, 0, 0, 0, 0, 0.2], levels) == 0
    assert level_of([0, 0, 0, 0, 0.4, 0.45], levels) == 2
    assert level_of([0, 0.1, 0.6, 0.7, 0.8, 0.9], levels) == 3
    assert level_of([0.1, 0.7, 0.8, 0.8, 0.8, 0.9], levels) == 4
