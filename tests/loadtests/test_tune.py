"""The search for settings on simulated machines that drift, what is written of it, and one real server."""

import json
import math
import os
import subprocess
from dataclasses import replace

import numpy as np
import psutil
import pytest
from pydantic_settings import BaseSettings

from bentos.serving.server import Knobs
from bentos.serving.threads import Threads
from loadtests.tune.profile import Asked, as_env, as_json, conclusion
from loadtests.tune.search import Measured, Proof, Tuned, Tuner, favourite, ratios
from loadtests.tune.server import Bench
from loadtests.tune.settings import DEFAULT, Settings, coarse, fine
from loadtests.watch import sample

ASKED = Asked("infer", 150, 2, "python -m loadtests.tune infer --p99-ms 150")


class Machine:
    """Its clock, and what the server reaches on it: ``gain`` by settings, a drift over time, and noise."""

    def __init__(self, gain, drift=0.0, noise=0.02, seed=0, takes_s=35.0):
        self.gain, self.drift, self.noise, self.takes_s = gain, drift, noise, takes_s
        self.now, self.dice = 0.0, np.random.default_rng(seed)

    def clock(self) -> float:
        return self.now

    def measure(self, settings: Settings, seed: int) -> float:
        self.now += self.takes_s
        return 5000 * self.gain(settings) * math.exp(self.drift * self.now / 600 + self.noise * self.dice.normal())

    def tuned(self, budget_s=870.0, cores=2) -> Tuned:
        return Tuner(self.measure, cores, budget_s, clock=self.clock).run()


def more_rows_are_better(settings: Settings) -> float:
    """By a tenth for each doubling, up to 512; a second thread costs a third, not to wait is worth a little."""
    doublings = math.log2(min(settings.batch_rows, 512) / 64)
    return 1.1**doublings / (1.5 if settings.model_threads > 1 else 1) * (1.02 if settings.linger_ms == 0 else 1)


@pytest.mark.parametrize("drift", [0.0, 0.5, -0.5])
def test_what_is_better_is_found_and_proved_however_the_machine_drifts(drift):
    found = [Machine(more_rows_are_better, drift, seed=seed).tuned() for seed in range(10)]
    assert all(tuned.best.batch_rows == 512 for tuned in found)
    assert all(tuned.best.model_threads == 1 for tuned in found)
    assert sum(tuned.proof.at_least <= 1.1**3 <= 1.1 * tuned.proof.ratio for tuned in found) >= 8


def test_where_nothing_matters_the_defaults_stay_however_lucky_a_candidate_was():
    found = [Machine(lambda _: 1.0, noise=0.05, seed=seed).tuned() for seed in range(60)]
    assert sum(tuned.winner != DEFAULT for tuned in found) > 30
    assert sum(tuned.best != DEFAULT for tuned in found) <= 5


def test_a_gain_too_small_to_matter_is_none():
    tuned = Machine(lambda settings: 1.0 if settings == DEFAULT else 1.01, noise=0.0).tuned()
    assert tuned.proof.at_least > 1
    assert tuned.best == DEFAULT


def test_time_is_kept_for_the_proof_and_never_overdrawn():
    for budget_s in (100, 400, 500, 870):
        machine = Machine(more_rows_are_better)
        tuned = machine.tuned(budget_s)
        assert machine.now <= budget_s
        assert tuned.winner == DEFAULT or len(tuned.proof.winner) == 4
    assert Machine(more_rows_are_better).tuned(100).best == DEFAULT


def test_the_default_is_measured_around_everything_else_and_the_proof_takes_turns():
    measured = Machine(more_rows_are_better).tuned().measured
    search = [one.settings == DEFAULT for one in measured if one.purpose != "proof"]
    assert search[0]
    assert search[-1]
    assert all(any(search[n : n + 3]) for n in range(len(search) - 2))
    proof = [one for one in measured if one.purpose == "proof"]
    assert [one.settings == DEFAULT for one in proof] == [True, False, False, True] * 2
    assert {one.seed for one in proof}.isdisjoint(one.seed for one in measured if one.purpose != "proof")
    assert proof[0].seed == proof[1].seed != proof[2].seed


def test_a_ratio_is_to_the_defaults_before_and_after():
    other = replace(DEFAULT, batch_rows=16)
    rates = [(DEFAULT, 100.0), (other, 60.0), (DEFAULT, 200.0), (other, 300.0)]
    assert ratios([Measured("coarse", settings, 0, rate, 1.0) for settings, rate in rates]) == {other: (0.4 + 1.5) / 2}
    assert favourite({other: 0.95}) == favourite({}) == DEFAULT


def test_more_cores_allow_more_threads_and_rows_stay_what_the_server_allows():
    assert [settings.model_threads for settings in coarse(8)["model_threads"]] == [2, 4, 8]
    assert coarse(1)["model_threads"] == []
    assert [settings.batch_rows for settings in fine(Settings(batch_rows=4096))] == [4096, 2048]


def test_the_defaults_and_names_are_the_servers():
    fields: dict[str, object] = {}
    servers: tuple[type[BaseSettings], ...] = (Knobs, Threads)
    for settings in servers:
        fields |= {name: field.default for name, field in settings.model_fields.items()}
    assert {name: fields[name] for name in vars(DEFAULT)} == vars(DEFAULT)


def test_the_file_is_read_by_a_shell_and_by_the_server(tmp_path, monkeypatch):
    tuned = Machine(more_rows_are_better).tuned()
    written = tmp_path / "found.env"
    written.write_text(as_env(ASKED, tuned))
    script = f"set -a; . {written}; set +a; env"
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, timeout=10)  # noqa: S603, S607
    for name, value in (row.split("=", 1) for row in said.stdout.splitlines() if row.startswith("FOREWATT_")):
        monkeypatch.setenv(name, value)
    assert Knobs().batch_rows == tuned.best.batch_rows == 512
    assert Knobs().linger_ms == tuned.best.linger_ms
    assert Threads().model_threads == 1
    for word in ("p99 150 ms on 2 cores", ASKED.command, "times the defaults' capacity", "in 4 runs"):
        assert word in written.read_text()


@pytest.mark.parametrize(
    ("proof", "says"),
    [
        (None, "no time"),
        (Proof([100, 101], [101, 100]), "not really better"),
        (Proof([10] * 4, [12] * 4), "1.20 times"),
    ],
)
def test_what_was_not_proved_is_not_claimed(proof, says):
    tuned = Tuned(winner=replace(DEFAULT, batch_rows=16), proof=proof)
    assert says in conclusion(tuned)
    assert f"FOREWATT_BATCH_ROWS={tuned.best.batch_rows}\n" in as_env(ASKED, tuned)
    assert (tuned.best == DEFAULT) == ("times" not in says)
    assert json.dumps(as_json(ASKED, tuned, 1.0), allow_nan=False)


def test_a_server_gets_the_settings_and_the_cores_and_leaves_nothing_behind(tmp_path):
    machine, others = sorted(os.sched_getaffinity(0)), psutil.Process().children(recursive=True)
    with Bench("infer", 0.15, 1, tmp_path)._server(Settings(batch_rows=16, linger_ms=2.5)) as url:
        servers = [child for child in psutil.Process().children(recursive=True) if child not in others]
        assert {tuple(server.cpu_affinity()) for server in servers} == {(machine[0],)}
        assert os.sched_getaffinity(0) == set(machine[1:] or machine)
        told = servers[-1].environ()
        assert (told["FOREWATT_BATCH_ROWS"], told["FOREWATT_LINGER_MS"]) == ("16", "2.5")
        assert told["FOREWATT_DATA"] == str(tmp_path / "data")
        assert sample(url).counted["process_cpu_seconds_total"] > 0
    assert os.sched_getaffinity(0) == set(machine)
    assert not any(server.is_running() for server in servers)
