"""The work on a forecast task: on exactly one history, by the model fitted on it, and said where it is not so."""

import json
import os
import socket
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from starlette.responses import JSONResponse

sys.path.insert(0, str(Path(__file__).parent))
from works import claimed, program, store_days

from gateway import fits, forecasting, measurements, readings, snapshots, store, tasks
from gateway.fits import Subject
from gateway.settings import Settings
from gateway.tables import Fit, Forecast, Task
from gateway.tasks import LostError, TaskError, TransientError

JUNE = {"year": 2024, "month": 6}
NEVER = (sys.executable, "-c", "raise SystemExit('training: nobody was to fit')")


@pytest.fixture
def settings(tmp_path, inference):
    return Settings(data=tmp_path / "data", inference_url=inference.url)


@pytest.fixture
def database(settings):
    settings.data.mkdir()
    engine = store.connect(settings.database)
    store.migrate(engine)
    store_days(engine, "ada", date(2024, 1, 1), 152)  # until 31 May
    yield engine
    engine.dispose()


@pytest.fixture
def run(database, settings):
    """Makes the run of a task that was submitted and claimed."""

    def made(asked=JUNE, owner="ada", queue="training", **at):
        task = tasks.submit(database, owner, forecasting.KIND, asked, queue)
        return claimed(database, settings, task.id, **at)

    return made


def done(run, command=None):
    """The work and its end; gives what the row says and the forecast that was kept."""
    result, keep = forecasting.work(run, command or program())
    tasks.complete(run.database, run.lease, result, keep)
    with store.transaction(run.database) as session:
        return result, session.scalar(select(Forecast).where(Forecast.task_id == run.lease.task))


def questions(inference):
    return [(path, json.loads(body)) for _, path, _, body in inference.seen if path.startswith("/forecast")]


def test_a_task_fits_asks_that_very_model_and_keeps_what_the_answer_is_made_of(run, inference):
    first = run()
    result, kept = done(first)
    ((path, question),) = questions(inference)
    assert path == f"/forecast/{result['model_name']}/{result['model_version']}"
    assert inference.seen[-1][2]["x-request-id"] == str(first.lease.task)
    assert (question["series"][0]["date"], question["series"][-1]["date"]) == ("2024-01-01", "2024-05-31")
    assert (question["year"], question["month"], question["model_type"]) == (2024, 6, "Ensemble")
    snapshot = first.settings.snapshots / f"{result['history_hash']}.csv"
    assert snapshot.read_text().count("\n") == 153
    with store.transaction(first.database) as session:
        fit = session.scalar(select(Fit).where(Fit.model_version == kept.model_version))
    assert fit.history_hash == kept.history_hash == result["history_hash"]
    assert (kept.owner, str(kept.id), kept.year, kept.month) == ("ada", result["forecast"], 2024, 6)
    assert (kept.origin, kept.weather, kept.stored_csv) == (date(2024, 5, 31), "climatology", None)
    assert kept.answer["model"]["version"] == result["model_version"]
    assert [stage for _, stage, _ in first.told] == ["snapshot", "replaying", "asking"]
    assert [percent for percent, _, _ in first.told] == sorted(percent for percent, _, _ in first.told)


def test_what_is_asked_for_reaches_the_model(run, inference):
    asked = {"unit": "kW", "timezone": "Asia/Shanghai", "country": "CN", "model_type": "GradientBoostingRegressor"}
    done(run(JUNE | asked))
    assert questions(inference)[0][1].items() >= asked.items()


def test_a_history_that_was_fitted_on_is_not_fitted_on_again(run, inference):
    one, _ = done(run())
    other, _ = done(run({"year": 2024, "month": 7, "model_type": "Ridge"}, queue="forecasts"), NEVER)
    assert other["model_version"] == one["model_version"]
    with pytest.raises(TaskError):
        done(run(JUNE | {"country": "AU"}), NEVER)  # whose holidays are other ones


def test_a_month_that_has_passed_is_forecast_from_what_was_known_before_it(run, inference, database):
    result, kept = done(run({"year": 2024, "month": 4}))
    assert questions(inference)[0][1]["series"][-1]["date"] == "2024-03-31"
    assert "2024-03-31" in kept.answer["warnings"][0]
    before = result["history_hash"]
    store_days(database, "ada", date(2024, 6, 1), 30)  # later days change nothing of it
    assert done(run({"year": 2024, "month": 4}), NEVER)[0]["history_hash"] == before
    store_days(database, "bob", date(2024, 1, 1), 91)
    assert done(run({"year": 2024, "month": 4}, "bob"))[0]["history_hash"] == before


def test_two_owners_have_models_of_their_own_also_where_their_days_are_the_same(run, database):
    store_days(database, "bob", date(2024, 1, 1), 152)
    one, other = done(run())[0], done(run(owner="bob"))[0]
    assert one["history_hash"] == other["history_hash"]
    assert one["model_name"] != other["model_name"]


def test_where_a_fit_was_not_kept_the_released_model_answers_and_says_why(run, inference):
    command = program(kept=False, version=None, reason="no better than naive.")
    result, kept = done(run(), command)
    assert questions(inference)[0][0] == "/forecast"
    assert result["model_name"] == "load"
    assert kept.answer["warnings"][0].endswith("was not kept, and the released one answers: no better than naive.")
    assert "the released one answers" in done(run(), NEVER)[1].answer["warnings"][0]


def test_a_model_no_better_than_the_one_before_answers_for_its_own_history_and_says_so(run, inference):
    command = program(kept=False, reason="worse than 20240401-0123456789abcdef")
    result, kept = done(run(), command)
    assert questions(inference)[0][0] == f"/forecast/{result['model_name']}/{result['model_version']}"
    assert "answers, but is not the current one: worse than 20240401" in kept.answer["warnings"][0]


def test_a_history_too_short_for_any_model_is_not_fitted_on(run, inference, database):
    store_days(database, "young", date(2024, 4, 20), 42)
    result, _ = done(run(owner="young", queue="forecasts"), NEVER)
    assert result["model_name"] == "load"
    assert questions(inference)[0][0] == "/forecast"


def test_who_only_asks_passes_on_what_has_to_be_fitted_first(run, database, inference):
    asking = run(queue="forecasts")
    with pytest.raises(LostError):
        forecasting.work(asking, NEVER)
    task = tasks.find(database, "ada", asking.lease.task)
    assert (task.status, task.queue, task.retries) == ("PENDING", "training", 0)
    assert [step.status for step in tasks.steps(database, task.id)] == ["PENDING", "RUNNING", "PENDING"]
    with pytest.raises(LostError):
        tasks.complete(database, asking.lease, {}, lambda session: None)
    done(claimed(database, asking.settings, task.id))
    assert tasks.find(database, "ada", task.id).status == "COMPLETED"


@pytest.mark.parametrize("why", ["no_model", "broken_model"])
def test_a_model_that_the_registry_has_lost_is_fitted_again(run, inference, database, why):
    done(run())
    inference.lost = why
    asking = run(queue="forecasts")
    with pytest.raises(TransientError, match="fitted again"):
        forecasting.work(asking, NEVER)
    inference.lost = ""
    with pytest.raises(LostError):  # passed on
        forecasting.work(run(queue="forecasts"), NEVER)
    done(run())


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        (JSONResponse({}, 503, {"Retry-After": "9"}), TransientError, "9 seconds"),
        (JSONResponse({}, 504), TransientError, "try again"),
        (JSONResponse({"oops": 1}, 200), TransientError, "no answer that we know"),
        (JSONResponse({"detail": "Country XX not available."}, 422), TaskError, "Country XX not available."),
    ],
)
def test_what_may_pass_is_tried_again_and_a_refusal_is_the_end(run, inference, said, error, words):
    inference.answer = said
    with pytest.raises(error) as raised:
        forecasting.work(run(), program())
    assert words in str(raised.value)


def test_without_an_inference_server_the_task_waits_for_it(database, settings, inference):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    task = tasks.submit(database, "ada", forecasting.KIND, JUNE, "training")
    alone = settings.model_copy(update={"inference_url": f"http://127.0.0.1:{port}"})
    with pytest.raises(TransientError):
        forecasting.work(claimed(database, alone, task.id), program())
    with store.transaction(database) as session:
        assert session.query(Fit).count() == 1  # the fit is not lost with it


def test_days_that_were_deleted_meanwhile_are_a_failure_that_says_so(run, database):
    first = run()
    with store.transaction(database) as session:
        measurements.drop(session, measurements.within("ada", "power"))
    with pytest.raises(TaskError, match="import") as raised:
        forecasting.work(first, NEVER)
    assert raised.value.code == "no-history"


def test_a_task_that_is_lost_while_it_fits_ends_the_fit_and_keeps_nothing(run, database):
    first = run()
    first.at["fitting"] = first.stopped.set
    with pytest.raises(LostError):
        forecasting.work(first, program("say(stage='fitting', progress=50)\ntime.sleep(60)"))
    with store.transaction(database) as session:
        assert session.query(Fit).count() == session.query(Forecast).count() == 0


def test_a_task_keeps_no_second_forecast(run, database):
    first = run()
    result, keep = forecasting.work(first, program())
    tasks.complete(database, first.lease, result, keep)
    with pytest.raises(LostError):
        tasks.complete(database, first.lease, result, keep)
    with store.transaction(database) as session:
        assert session.query(Forecast).count() == session.query(Task).count() == 1


def test_the_snapshot_is_the_one_that_was_fitted_on(run, database):
    result, _ = done(run())
    fit = fits.find(database, Subject("ada"), result["history_hash"])
    taken = snapshots.take(run().settings.snapshots, database, ("ada", "power"), fit.last)
    assert (taken.hash, taken.first, taken.last) == (fit.history_hash, fit.first, fit.last)


def delete(database, settings, owner, first, last):
    """As the route does."""
    asked = readings.Confirmed(start_date=first, end_date=last, confirm=True)
    return readings.delete(asked, owner, settings, database).deleted


def files(settings):
    return {path.stem for path in settings.snapshots.glob("*.csv")}


def test_a_snapshot_goes_with_the_first_of_its_days_that_is_deleted_and_its_hash_stays(run, database, settings):
    kept = [done(run(asked), program())[1].history_hash for asked in (JUNE, JUNE | {"month": 5})]
    assert (len(set(kept)), files(settings)) == (2, set(kept))
    delete(database, settings, "ada", date(2024, 5, 3), date(2024, 5, 3))  # which the second was not made of
    assert files(settings) == {kept[1]}
    delete(database, settings, "ada", date(2023, 1, 1), date(2023, 12, 31))
    assert files(settings) == {kept[1]}
    assert delete(database, settings, "ada", date(2024, 1, 1), date(2024, 12, 31)) == 151
    assert files(settings) == set()
    with store.transaction(database) as session:
        assert set(session.scalars(select(Forecast.history_hash))) == set(kept)


def test_of_two_owners_with_the_same_days_each_has_the_snapshot_and_the_last_takes_it_along(run, database, settings):
    store_days(database, "bob", date(2024, 1, 1), 152)
    (shared,) = {done(run(owner=owner))[1].history_hash for owner in ("ada", "bob")}
    delete(database, settings, "bob", date(2024, 1, 1), date(2024, 12, 31))
    assert files(settings) == {shared}
    delete(database, settings, "ada", date(2024, 1, 1), date(2024, 12, 31))
    assert files(settings) == set()


def test_a_task_at_work_leaves_no_snapshot_of_days_that_are_deleted_meanwhile(run, database, settings):
    first = run()
    first.at["asking"] = lambda: delete(database, settings, "ada", date(2024, 2, 1), date(2024, 2, 1))
    _, kept = done(first)
    assert kept.history_hash
    assert files(settings) == set()


def test_what_no_forecast_was_made_of_is_swept_away_once_no_task_can_be_at_work_on_it(run, database, settings):
    _, kept = done(run())
    left = snapshots.take(settings.snapshots, database, ("ada", "power"), date(2024, 4, 30))
    snapshots.sweep(settings.snapshots, database)
    assert files(settings) == {kept.history_hash, left.hash}  # it may have been taken a moment ago
    os.utime(left.path, (0, time.time() - 600))
    tasks.submit(database, "ada", forecasting.KIND, JUNE, "training")
    snapshots.sweep(settings.snapshots, database)  # whoever works now has not begun before it was submitted
    assert files(settings) == {kept.history_hash}
    again = snapshots.take(settings.snapshots, database, ("ada", "power"), date(2024, 4, 30))
    with store.transaction(database) as session:
        session.execute(update(Task).values(created_at=datetime.now(UTC) - timedelta(days=1)))
    os.utime(again.path, (0, time.time() - 600))
    snapshots.sweep(settings.snapshots, database)
    assert files(settings) == {kept.history_hash, again.hash}
