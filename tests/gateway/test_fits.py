"""A fit is a child process: heard, ended when it is not wanted, kept once; it sees nothing of our secrets."""

import json
import os
import signal
import sys
import threading
import time
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from works import Run, claimed, program, store_days

from gateway import fits, snapshots, store, tasks
from gateway.fits import Subject
from gateway.settings import Settings
from gateway.tables import Fit
from gateway.tasks import LostError, TaskError, TransientError

ADA = Subject("ada", "power", "AU", "VIC", "Australia/Melbourne")
NOTES = "pathlib.Path(os.environ['FOREWATT_DATA'], 'notes').write_text(json.dumps({}))"


@pytest.fixture
def settings(tmp_path):
    return Settings(data=tmp_path / "data", api_key="a-secret-word")


@pytest.fixture
def database(settings):
    settings.data.mkdir()
    engine = store.connect(settings.database)
    store.migrate(engine)
    store_days(engine, "ada", date(2024, 1, 1), 70)
    yield engine
    engine.dispose()


@pytest.fixture
def snapshot(database, settings):
    return snapshots.take(settings.snapshots, database, ("ada", "power"), date(2024, 12, 31))


@pytest.fixture
def run(database, settings):
    task = tasks.submit(database, "ada", "forecast", {}, "training")
    return claimed(database, settings, task.id)


def notes(run: Run):
    return json.loads((run.settings.data / "notes").read_text())


def running(number: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{number}/status").read_text()
    except FileNotFoundError:
        return False


def until(true) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_fit_is_heard_of_published_and_kept_with_its_card(run, snapshot, settings):
    fit = fits.make(run, ADA, snapshot, program())
    assert run.told == [(12, "replaying", 31.0)]
    assert (fit.kept, fit.reason, fit.scores, fit.card) == (True, None, {"Q1": 0.8}, "# How good it is\n")
    assert (fit.first, fit.last, fit.history_hash) == (date(2024, 1, 1), date(2024, 3, 10), snapshot.hash)
    assert fits.current(settings, fit.model_name) == fit.model_version
    found = fits.find(run.database, ADA, snapshot.hash)
    assert (found.model_version, found.series, found.seconds) == (fit.model_version, "power/AU/VIC", fit.seconds)
    assert fits.find(run.database, Subject("ada"), snapshot.hash) is None
    assert fits.find(run.database, Subject("bob", "power", "AU", "VIC"), snapshot.hash) is None
    assert list((settings.data / "fits").iterdir()) == []


def test_models_of_owners_and_regions_have_names_that_tell_nothing():
    names = {Subject("ada").model, ADA.model, Subject("bob").model}
    assert len(names) == 3
    assert Subject("ada", timezone="Asia/Tokyo").model == "load-6c372d3f6747f7ace472ca30057f162b"


def test_the_child_is_told_all_it_needs_and_none_of_our_secrets(run, snapshot, settings, monkeypatch):
    monkeypatch.setenv("FOREWATT_SECRET", "x" * 40)
    fits.make(run, ADA, snapshot, program(NOTES.format("{'env': dict(os.environ), 'asked': vars(options)}")))
    env, asked = notes(run)["env"], notes(run)["asked"]
    assert set(env) <= {
        "PATH",
        "HOME",
        "LANG",
        "LC_CTYPE",
        "TMPDIR",
        "FOREWATT_DATA",
        "FOREWATT_MODELS",
        "OMP_NUM_THREADS",
    }
    assert (env["FOREWATT_MODELS"], env["OMP_NUM_THREADS"]) == (str(settings.registry.resolve()), "1")
    assert asked.items() >= {"timezone": "Australia/Melbourne", "country": "AU", "subdivision": "VIC"}.items()
    assert (asked["snapshot"], asked["name"]) == (str(snapshot.path.resolve()), ADA.model)


def test_the_child_makes_way_for_others(run, snapshot):
    fits.make(run, ADA, snapshot, program("time.sleep(0.3)\n" + NOTES.format("os.nice(0)")))
    assert notes(run) == min(19, os.nice(0) + 10)


def test_a_fit_that_was_not_kept_is_remembered_with_the_reason_and_without_what_is_no_number(run, snapshot):
    end = {"kept": False, "version": None, "reason": "no better than naive " * 20, "scores": {"Q1": float("nan")}}
    command = program("from math import nan\n", **end)
    fit = fits.make(run, ADA, snapshot, command)
    assert (fit.kept, fit.model_version, fit.scores) == (False, None, {"Q1": None})
    assert fit.reason.startswith("no better than naive")
    assert len(fits.find(run.database, ADA, snapshot.hash).reason) == 255


@pytest.mark.parametrize(
    ("play", "error", "said"),
    [
        ("sys.exit('training: There is no country XX.') if 0 else (print('training: There is no country XX.', "
         "file=sys.stderr), sys.exit(2))", TaskError, "There is no country XX."),
        ("raise RuntimeError('a secret place')", TaskError, "Submit again"),
        ("raise MemoryError", TransientError, "memory"),
        ("os.kill(os.getpid(), signal.SIGKILL)", TransientError, "Killed"),
        ("os._exit(0)", TaskError, "Submit again"),
        ("say(kept=True, version=None); os._exit(0)", None, None),
        ("say(kept=False, version='20240501-0123456789abcdef'); os._exit(0)", None, None),
        ("say(kept='perhaps'); os._exit(0)", TaskError, "Submit again"),
        ("print('no JSON'); print('[1]'); print('{\"progress\": null}')", None, None),
    ],
)  # fmt: skip
def test_how_a_child_ends_is_how_the_task_goes_on(run, snapshot, play, error, said):
    if error is None:
        fit = fits.make(run, ADA, snapshot, program(play))
        assert fit.kept == (fit.model_version is not None)
        return
    with pytest.raises(error) as raised:
        fits.make(run, ADA, snapshot, program(play))
    assert said in str(raised.value)
    assert "secret" not in str(raised.value)
    assert fits.find(run.database, ADA, snapshot.hash) is None
    assert list((run.settings.data / "fits").iterdir()) == []


@pytest.mark.parametrize("deaf", [False, True])
def test_a_fit_whose_task_is_lost_is_ended_at_once_also_when_it_does_not_listen(run, snapshot, monkeypatch, deaf):
    monkeypatch.setattr("gateway.children.PATIENCE_S", 0.3)
    play = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" * deaf + NOTES.format("os.getpid()")
    run.at["fitting"] = run.stopped.set
    with pytest.raises(LostError):
        fits.make(run, ADA, snapshot, program(f"{play}\nsay(stage='fitting', progress=50)\ntime.sleep(60)"))
    assert not running(notes(run))


def test_a_report_that_fails_ends_the_child(run, snapshot):
    run.at["fitting"] = lambda: 1 / 0
    play = NOTES.format("os.getpid()") + "\nsay(stage='fitting', progress=50)\ntime.sleep(60)"
    with pytest.raises(ZeroDivisionError):
        fits.make(run, ADA, snapshot, program(play))
    assert not running(notes(run))


def test_a_child_ends_with_the_process_that_started_it(run, snapshot, settings, database):
    """Who works is killed without a word; the pipe closes, and the child sees it."""
    play = NOTES.format("os.getpid()") + "\ntime.sleep(600)"
    worker = os.fork()
    if worker == 0:  # pragma: no cover - the worker that will be killed
        try:
            fits.make(run, ADA, snapshot, program(play))
        finally:
            os._exit(1)
    until((settings.data / "notes").exists)
    until((settings.data / "notes").read_text)
    child = notes(run)
    assert running(child)
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    until(lambda: not running(child))


def test_what_a_killed_attempt_left_behind_goes_with_the_next(run, snapshot, settings):
    left = settings.data / "fits" / f"{run.lease.task}-0"
    other = settings.data / "fits" / f"{uuid4()}-1"
    for folder in (left, other):
        (folder / "artifact").mkdir(parents=True)
    fits.make(run, ADA, snapshot, program())
    assert (left.exists(), other.exists()) == (False, True)


def test_where_another_worker_was_faster_his_fit_is_the_one(run, snapshot, database, settings):
    command = program()
    faster = []

    def other() -> None:
        task = tasks.submit(database, "ada", "forecast", {}, "training")
        faster.append(fits.make(claimed(database, settings, task.id), ADA, snapshot, command))

    run.at["replaying"] = lambda: (thread := threading.Thread(target=other)).start() or thread.join()
    second = fits.make(run, ADA, snapshot, program(version="20240502-0123456789abcdef"))
    assert second.model_version == faster[0].model_version
    with store.transaction(database) as session:
        assert session.query(Fit).count() == 1


def test_a_fit_that_is_gone_is_forgotten_but_not_one_made_meanwhile(run, snapshot, database):
    old = fits.make(run, ADA, snapshot, program())
    fits.forget(database, old)
    assert fits.find(database, ADA, snapshot.hash) is None
    new = fits.make(run, ADA, snapshot, program())
    fits.forget(database, old)
    assert fits.find(database, ADA, snapshot.hash).created_at == new.created_at
