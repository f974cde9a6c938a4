from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from units import campaign, episodes_of, readings

from bentos.artifact import open_artifact
from bentos.fault.diagnosis import Level
from bentos.fault.model import FaultModel, schema_fingerprint
from bentos.fault.schema import Question
from bentos.fault.windows import CHANNELS
from training.alarm_scores import calibration_error, figures
from training.alarms import Policy
from training.calibration import Calibration, calibrate, levels
from training.datasets import DataError
from training.early_warning import HOUR, Labels
from training.fault import Drawer, Recipe, ask, fit, fit_member, hushed
from training.fault_card import released, write_fault_card
from training.fault_pipeline import Warner, warned
from training.fault_verdict import Verdict, verdict
from training.fleet import Watched, open_fleet, types_of, watched
from training.hvac import readings_of
from training.judgement import Served
from training.lost_readings import thinned
from training.timemixer import Council
from training.warning_artifact import write_warning

TINY = Recipe("tiny", width=8, batch=64, draws=1024, epochs=3, validations=256)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return campaign(tmp_path_factory.mktemp("lab") / "campaign", {"train": 5, "validation": 3, "test": 3})


@pytest.fixture(scope="module")
def fleets(folder: Path) -> dict[str, list[Watched]]:
    return {split: open_fleet(folder, split) for split in ("train", "validation", "test")}


@pytest.fixture(scope="module")
def types(folder: Path) -> list[str]:
    return types_of(folder)


@pytest.fixture(scope="module")
def network(fleets: dict[str, list[Watched]], types: list[str]) -> Council:
    torch.set_num_threads(1)
    return fit(fleets["train"], fleets["validation"], types, TINY)


@pytest.fixture(scope="module")
def artifact(network: Council, types: list[str], folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    levels_said = [Level(level=2, hours=168, probability=0.3)]
    place = tmp_path_factory.mktemp("fault") / "artifact"
    calibration = Calibration(np.ones(6), np.zeros(6))
    write_warning(place, Warner(network, calibration, types, Policy(0.5, 0.25), TINY, levels_said), folder, {})
    return place


@pytest.fixture(scope="module")
def found(artifact: Path, folder: Path) -> Verdict:
    return verdict(Served(artifact), folder, None)


def test_a_unit_is_watched_from_the_end_of_its_healthy_period_and_before_any_fault(
    fleets: dict[str, list[Watched]],
) -> None:
    for unit in fleets["train"]:
        assert all(unit.life.begin <= episode.onset for episode in unit.life.episodes)
        assert unit.prepared.has_reference


def test_no_unit_is_in_two_splits(fleets: dict[str, list[Watched]]) -> None:
    names = [unit.life.unit for fleet in fleets.values() for unit in fleet]
    assert len(names) == len(set(names))


def test_a_folder_without_a_campaign_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(DataError, match=r"episodes\.parquet"):
        open_fleet(tmp_path, "train")
    with pytest.raises(DataError, match="no unit of the split 'other'"):
        open_fleet(folder, "other")


def test_readings_after_the_moment_of_asking_change_no_window(tmp_path: Path) -> None:
    rows = episodes_of("one", "test", 1, 120, np.random.default_rng(0))
    table = readings(np.random.default_rng(1), rows)
    now = table.index[0].floor("D") + pd.Timedelta(days=70, hours=5)
    other = table.copy()
    other.loc[other.index > now] = np.random.default_rng(2).normal(20, 5, other.loc[other.index > now].shape)
    at = pd.DatetimeIndex([now])
    assert np.array_equal(watched("one", rows, table).windows(at), watched("one", rows, other).windows(at))


def test_a_few_windows_of_training_tell_a_drifting_sensor_from_a_healthy_unit(
    network: Council, fleets: dict[str, list[Watched]], types: list[str]
) -> None:
    drift = types.index("F-SEN-DRIFT")
    for unit in fleets["test"][1:]:
        episode = next(e for e in unit.life.episodes if e.code == "F-SEN-DRIFT")
        at = pd.DatetimeIndex([unit.life.begin + 12 * HOUR, episode.functional_limit - 24 * HOUR])
        said = ask(network, unit, at, TINY.channels)
        assert said.kind[1, drift] > 0.5 > said.kind[0, drift]
        assert said.hazard[1, -1] > said.hazard[0, -1]


def test_how_rare_a_fault_is_weighs_which_it_is_and_not_whether_there_is_one(network: Council) -> None:
    evenly, rarely = (
        Council([*network.members], rarity).eval() for rarity in ([0.0, 0.0, 0.0], [0.0, np.log(10), 0.0])
    )
    clocks = torch.randn(8, network.recent, 72), torch.randn(8, len(TINY.channels) - network.recent, 36)
    with torch.inference_mode():
        kinds, weighed = (council.judge(*clocks)[1].exp() for council in (evenly, rarely))
    torch.testing.assert_close(weighed[:, 0], kinds[:, 0])
    torch.testing.assert_close(weighed[:, 1] / weighed[:, 2], 10 * kinds[:, 1] / kinds[:, 2])


def test_the_same_seed_gives_the_same_network(fleets: dict[str, list[Watched]], types: list[str]) -> None:
    short = replace(TINY, draws=128, epochs=1)
    one, other = (fit(fleets["train"][:2], fleets["validation"][:1], types, short).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_plain_detectors_see_faults_that_daily_features_show_and_raise_few_false_alerts(found: Verdict) -> None:
    names = [each.name for each in found.detectors]
    assert names == ["TimeMixer", "Rules", "LogisticRegression", "HistGradientBoosting"]
    for each in found.detectors[2:]:
        assert figures(each.outcome)["Q10"] == 1
        assert figures(each.outcome)["Q12"] < 0.5


def test_the_network_is_judged_by_what_it_serves_beside_canaries_and_lost_readings(found: Verdict) -> None:
    assert found.figures["Q10"] == 1
    assert found.figures["Q10_units@test"] == 3
    assert found.canaries["shuffled_labels"] < 0.5 < found.canaries["honest"]
    assert abs(found.hardship["Q17"]) < 0.3
    assert abs(found.hardship["Q17b"]) < 0.3


@pytest.mark.parametrize(("dead", "silent"), [(True, 1), (False, 0)])
def test_a_fifth_of_the_samples_is_lost_and_one_point_may_fall_silent(
    dead: bool, silent: int, folder: Path, fleets: dict[str, list[Watched]]
) -> None:
    unit = fleets["test"][0]
    window = thinned(folder, unit, 0, dead=dead).prepared.window(unit.life.end)
    known = window[:, [CHANNELS.index(f"known_{name}") for name in readings_of(folder, unit.life.unit)]].mean(axis=0)
    assert (known == 0).sum() == silent
    assert np.median(known[known > 0]) == pytest.approx(0.8, abs=0.05)


def test_a_card_says_that_all_is_simulated_and_without_real_days_nothing_is_released(
    found: Verdict, artifact: Path, tmp_path: Path
) -> None:
    assert not released(found)
    write_fault_card(tmp_path, Served(artifact).model.manifest, found, "python -m training judge")
    said = (tmp_path / "card.md").read_text()
    assert "Everything here is simulated" in said
    assert "It is not released" in said
    assert json.loads((tmp_path / "card.json").read_text())["figures"]["Q10"] == 1
    assert {path.name for path in tmp_path.glob("*.png")} == {
        "lead_time.png", "reliability.png", "cost.png", "confusion.png",
    }  # fmt: skip


def test_shuffled_labels_leave_the_network_no_skill(
    fleets: dict[str, list[Watched]], types: list[str], network: Council
) -> None:
    drawer = Drawer(fleets["train"], types, TINY)
    drawer.labels = drawer.labels[np.random.default_rng(0).permutation(len(drawer.chance))]
    blind = fit_member(drawer, [*drawer.epoch()][:2], len(types), seed=0)
    unit = fleets["test"][1]
    at = unit.moments(24 * HOUR)
    truth = unit.labels(at, types)
    faulty, calm = truth.severity > 0.5, truth.severity == 0
    for each, skill in ((network, 0.9), (Council([blind], [0.0] * len(types)).eval(), None)):
        score = 1 - ask(each, unit, at, TINY.channels).kind[:, 0]
        auc = float((score[faulty][:, None] > score[calm]).mean())
        assert auc > skill if skill else abs(auc - 0.5) < 0.35


def test_calibration_takes_back_that_training_saw_faults_too_often_and_keeps_the_order_of_horizons() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(-3, 1.5, 4000)
    came = (rng.random(4000) < 1 / (1 + np.exp(-true))).astype(np.float32)
    hazard = np.repeat((true + 2)[:, None], 6, axis=1)  # as if half of all windows were faulty
    nothing = np.zeros(4000)
    truth = Labels(np.repeat(came[:, None], 6, axis=1), np.ones((4000, 6), bool), nothing.astype(int), nothing > 0,
                   nothing.astype(np.float32))  # fmt: skip
    chances = calibrate(hazard, truth).chances(hazard)
    assert calibration_error(chances[:, 3], came) < 0.02 < calibration_error(1 / (1 + np.exp(-hazard[:, 3])), came)
    assert (np.diff(chances, axis=1) >= 0).all()


def test_levels_are_worth_a_visit_and_hardly_ever_reached_by_healthy_units() -> None:
    chances = np.tile(np.linspace(0, 1, 1001)[:, None], 6)
    healthy, none = np.zeros((1001, 6), np.float32), np.zeros(1001, np.float32)
    truth = Labels(healthy, np.ones((1001, 6), bool), none.astype(int), none == 0, none)
    assert [(level.level, level.hours) for level in levels(chances, truth)] == [
        (2, 168),
        (3, 24),
        (4, 6),
    ]
    assert {level.probability for level in levels(chances, truth)} == {0.995}
    assert {level.probability for level in levels(chances / 100, truth)} == {0.1}


def test_a_notice_goes_by_the_fault_that_is_named_and_by_any_higher_level() -> None:
    at = pd.date_range("2024-01-01", periods=3, freq="6h", tz="UTC")
    kinds = np.array([[0.2, 0.5, 0.3], [0.9, 0.1, 0.0], [0.9, 0.1, 0.0]])
    chances = np.full((3, 6), 0.1)
    chances[2, 4] = 0.7  # within 168 hours
    said = warned(at, chances, kinds, ["none", "F-FILTER", "F-FAN-BELT"], [Level(level=2, hours=168, probability=0.7)])
    assert said.score.tolist() == [0.5, 0.1, 1.0]
    assert said.code.tolist() == ["F-FILTER"] * 3


def test_what_was_fitted_becomes_an_artifact_that_answers_as_it_was_fitted(
    network: Council, fleets: dict[str, list[Watched]], artifact: Path
) -> None:
    opened = open_artifact(artifact, name="fault", schema_fingerprint=schema_fingerprint())
    model = FaultModel(opened)
    model.prove()
    unit = fleets["test"][1]
    at = unit.moments(48 * HOUR)
    said, (_, kinds, severity) = ask(network, unit, at, TINY.channels), model.predict(unit.windows(at))
    assert np.allclose(kinds, said.kind, atol=1e-4)
    assert np.allclose(severity, said.severity, atol=1e-4)
    answer = model.answer(Question.model_validate(opened.manifest.golden.question, strict=False))
    assert (answer.has_reference, answer.simulated_training) == (True, True)
    assert answer.fault == "F-FILTER"


def test_a_silent_point_takes_all_that_it_tells_and_nothing_else() -> None:
    silent = dict(zip(TINY.channels, hushed("filter_pressure_drop", TINY.channels).tolist(), strict=True))
    assert {name for name, gone in silent.items() if gone} >= {"residual_filter_flow", "long_filter_speed"}
    assert not silent["residual_power_flow"]
    assert not silent["settled"]
    assert dict(zip(TINY.channels, hushed("supply_air_flow", TINY.channels), strict=True))["long_flow_least"]
