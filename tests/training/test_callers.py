"""The fit as a worker starts it: a process that tells how far it is, line by line, and ends with whoever started it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bentos.artifact import open_artifact
from bentos.load.repository import open_model
from bentos.load.sample import COLUMNS, sample_series
from bentos.load.schema import Question
from bentos.registry import current, versions

ROOT = Path(__file__).parents[2]
NAME = "load-" + "5e" * 16
YEAR = 500  # days, nearly a year and a half: three months to be scored on
PATIENCE_S = 300


@dataclass
class Fit:
    """A child process, its folders, and what it said when it ended."""

    folder: Path
    lines: list[dict] | None = None
    error: str = ""
    status: int | None = None

    @property
    def models(self) -> Path:
        return self.folder / "models"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def begin(self, snapshot: Path, *words: str, script: tuple[str, ...] = ("-m", "training", "load")):
        scratch = self.folder / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        ours = {"FOREWATT_MODELS": str(self.models), "TMPDIR": str(scratch), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, *script, "--snapshot", str(snapshot), "--out", str(self.out), "--name", NAME, *words]
        cwd = ROOT if script[0] == "-m" else self.folder
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=cwd, env=os.environ | ours, **pipes)  # noqa: S603

    def run(self, snapshot: Path, *words: str, **how) -> Fit:
        with self.begin(snapshot, *words, **how) as process:
            said, self.error = process.communicate(timeout=PATIENCE_S)
        self.lines, self.status = [json.loads(line) for line in said.splitlines()], process.returncode
        return self


def snapshot_of(path: Path, days: list[dict]) -> Path:
    """As the gateway writes it; a day has at least its date and load."""
    pd.DataFrame(days).reindex(columns=["date", "load", *COLUMNS[1:-1]]).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def year(tmp_path_factory) -> Path:
    return snapshot_of(tmp_path_factory.mktemp("year") / "year.csv", sample_series()[-YEAR:])


@pytest.fixture(scope="module")
def fit(tmp_path_factory, year) -> Fit:
    """A whole year, fitted for real."""
    return Fit(tmp_path_factory.mktemp("fit")).run(year, "--country", "DE")


def test_every_line_says_how_far_it_is_and_the_last_one_what_came_of_it(fit):
    assert (fit.status, fit.error) == (0, "")
    *told, outcome = fit.lines
    assert {*outcome} == {"version", "kept", "reason", "scores", "card"}
    assert all({*line} == {"stage", "progress", "left_s"} for line in told)
    stages = list(dict.fromkeys(line["stage"] for line in told))
    assert stages == ["reading", "replaying", "tuning", "backtesting", "publishing"]
    progress = [line["progress"] for line in told]
    assert progress == sorted(progress)
    assert (progress[0], progress[-1]) == (0, 100)
    assert len(set(progress)) > 40
    left = [line["left_s"] for line in told if line["left_s"] is not None]
    assert len(left) > 0.9 * len(told)
    assert min(left) == left[-1] == 0


def test_what_is_kept_stands_in_the_registry_and_answers_about_its_own_series(fit):
    version = fit.lines[-1]["version"]
    assert (fit.lines[-1]["kept"], fit.lines[-1]["reason"]) == (True, None)
    place = current(fit.models, NAME)
    assert place == fit.models / NAME / version
    assert versions(fit.models, NAME) == [version]
    assert open_artifact(place).files == open_artifact(fit.out / "artifact").files
    assert sum(path.stat().st_size for path in place.iterdir()) <= 2_000_000
    answer = open_model(place, NAME).answer(Question.model_validate({"series": sample_series()[-YEAR:]}))
    assert (answer.model.name, answer.model.version, answer.model.cold_start) == (NAME, version, False)


def test_the_outcome_has_the_scores_the_ladder_beside_them_and_a_card_that_names_no_folder(fit):
    scores = fit.lines[-1]["scores"]
    assert {"Q1", "Q2", "Q4", "Q5", "naive_7", "weekdays_4", "mae", "rmse", "r2", "months"} <= set(scores)
    assert all(isinstance(value, int | float) for value in scores.values())
    assert 0 < scores["Q1"] < min(scores["naive_7"], scores["weekdays_4"])
    assert scores["months"] == 3
    assert scores["naive_364"] > 0
    recorded = open_artifact(fit.out / "artifact").manifest.scores
    assert recorded.keys() - scores.keys() == {"origins"}
    assert list(recorded["origins"]) == ["2024-01-31", "2024-02-29", "2024-03-31"]
    card = (fit.out / "card" / fit.lines[-1]["card"]).read_text()
    assert f"python -m training load --snapshot year.csv --name {NAME} --country DE" in card
    assert str(fit.folder) not in card


def test_the_script_that_the_document_names_fits_as_the_command_does(year, tmp_path):
    script = (str(ROOT / "training" / "Integrate_model_train.py"), "small")
    fit = Fit(tmp_path).run(year, "--country", "DE", script=script)
    assert fit.status == 0, fit.error
    manifest = open_artifact(fit.out / "artifact").manifest
    assert (manifest.name, manifest.recipe["name"]) == (NAME, "small")
    assert manifest.scores["Q1"] == fit.lines[-1]["scores"]["Q1"] > 0


@pytest.mark.parametrize("days", [10, 100, 480])
def test_a_history_too_short_is_no_failure_and_says_what_it_needs(tmp_path, days):
    short = Fit(tmp_path).run(snapshot_of(tmp_path / "short.csv", sample_series()[-days:]))
    outcome = short.lines[-1]
    assert (short.status, short.error) == (0, "")
    assert (outcome["version"], outcome["kept"], outcome["scores"], outcome["card"]) == (None, False, {}, None)
    assert f"{days} days" in outcome["reason"]
    assert "about a year" in outcome["reason"] or "at least 14" in outcome["reason"]
    assert not short.models.exists()


def test_a_model_no_better_than_naive_is_told_but_never_published(tmp_path):
    steps = np.random.default_rng(3).normal(scale=0.05, size=YEAR)
    wandering = [{"date": day["date"], "load": float(load)} for day, load in days_with(np.exp(8 + steps.cumsum()))]
    poor = Fit(tmp_path).run(snapshot_of(tmp_path / "poor.csv", wandering))
    outcome = poor.lines[-1]
    assert poor.status == 0, poor.error
    assert (outcome["version"], outcome["kept"]) == (None, False)
    assert "above 0.95: no better than naive" in outcome["reason"]
    assert outcome["scores"]["Q1"] > 0.95
    assert (poor.out / "card" / outcome["card"]).is_file()
    assert not poor.models.exists()


def days_with(loads: np.ndarray) -> list[tuple[dict, float]]:
    return list(zip(sample_series()[-len(loads) :], loads, strict=True))


def test_a_load_that_is_the_same_every_week_needs_no_model(tmp_path):
    same = [{"date": day["date"], "load": float(100 + n % 7)} for n, day in enumerate(sample_series()[-YEAR:])]
    still = Fit(tmp_path).run(snapshot_of(tmp_path / "same.csv", same))
    assert (still.status, still.error) == (0, "")
    assert (still.lines[-1]["version"], still.lines[-1]["kept"]) == (None, False)
    assert "nothing to learn" in still.lines[-1]["reason"]


@pytest.mark.parametrize(
    ("words", "load", "says"),
    [
        ((), "-1.0", "negative loads"),
        ((), "many", "row 2: a cell is not a number"),
        (("--country", "XX"), "100.0", "Use ISO 3166 codes"),
    ],
)
def test_data_that_cannot_be_used_end_with_2_and_one_line(tmp_path, words, load, says):
    days = [{**day, "load": load if n == 0 else day["load"]} for n, day in enumerate(sample_series()[-YEAR:])]
    refused = Fit(tmp_path).run(snapshot_of(tmp_path / "bad.csv", days), *words)
    assert refused.status == 2
    assert says in refused.error
    assert refused.error.count("\n") == 1
    assert not refused.models.exists()


def test_a_name_that_is_no_callers_model_is_refused(tmp_path, year):
    refused = Fit(tmp_path).run(year, "--name", "../load")
    assert refused.status == 2
    assert "is no name of a caller's model" in refused.error
    assert refused.lines == []


def test_an_attached_fit_ends_when_its_caller_is_gone_and_leaves_nothing(tmp_path, year):
    fit = Fit(tmp_path)
    with fit.begin(year, "--attached") as process:
        for line in process.stdout:
            if json.loads(line)["stage"] == "backtesting":
                break
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 3
    assert not fit.models.exists()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_the_end_of_the_caller_waits_until_a_version_is_whole():
    code = (
        "import threading, time; from training import callers\n"
        "with callers.PUBLISHING:\n"
        "    threading.Thread(target=callers._end_with_the_caller, daemon=True).start()\n"
        "    time.sleep(0.5); print('whole', flush=True)\n"
        "time.sleep(120)"
    )
    began = time.monotonic()
    said = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, timeout=110, check=False
    )
    assert (said.returncode, said.stdout) == (3, b"whole\n"), time.monotonic() - began
