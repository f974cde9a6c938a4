"""Every unit is predicted at its interval, each slot once, whoever looks and whatever dies in between."""

import threading
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from sqlalchemy import select, update
from watched import declare, last_days, reference, send

from bentos.fault.schema import Answer
from gateway import store
from gateway.alerts.tables import AlertRow
from gateway.equipment import units
from gateway.equipment.tables import Unit
from gateway.faults import predicting, watches
from gateway.faults.tables import Prediction, Watch
from gateway.tasks import LostError

CATCH_UP = timedelta(days=7)


def made(database) -> list[Prediction]:
    with store.transaction(database) as session:
        return list(session.scalars(select(Prediction).order_by(Prediction.unit_id, Prediction.slot)))


def watch(database, unit_id="ahu-1") -> Watch:
    with store.transaction(database) as session:
        return session.get_one(Watch, unit_id)


def predict_all(plant) -> None:
    while predicting.predict(*plant):
        pass


def test_each_slot_has_one_prediction_as_soon_as_there_is_enough_to_say(plant, small):
    database, _ = plant
    declare(database, "ahu-1", 21_600)
    readings = last_days(4)
    send(database, "ahu-1", readings)
    predict_all(plant)
    slots = [one.slot for one in made(database)]
    end = readings.index[-1]
    assert slots == [end - k * pd.Timedelta("6h") for k in reversed(range(len(slots)))]
    assert len(slots) >= 10  # the first day says too little
    assert small.asked == [("ahu-1", slot.isoformat()) for slot in slots]
    assert watch(database).done_until == end
    assert watch(database).trouble is None


def test_two_who_look_at_once_ask_about_each_slot_once(plant, small):
    database, _ = plant
    for number in range(4):
        declare(database, f"ahu-{number}", 21_600)
        send(database, f"ahu-{number}", last_days(3))
    threads = [threading.Thread(target=predict_all, args=(plant,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(small.asked) == len(set(small.asked)) == len(made(database))
    assert {unit for unit, _ in small.asked} == {f"ahu-{number}" for number in range(4)}


@pytest.mark.parametrize("status", [500, 503, 404])
def test_what_an_outage_kept_from_being_predicted_is_made_up_for(plant, small, status):
    database, _ = plant
    declare(database, "ahu-1", 21_600)
    send(database, "ahu-1", last_days(3))
    small.status = status
    predict_all(plant)
    assert made(database) == []
    assert watch(database).trouble
    small.status = 200
    with store.transaction(database) as session:  # some seconds later
        session.execute(update(Watch).values(free_at=datetime.now(UTC)))
    predict_all(plant)
    assert len(made(database)) >= 7
    assert watch(database).trouble is None


def test_who_lost_the_unit_to_another_keeps_nothing(plant, model):
    database, _ = plant
    declare(database, "ahu-1", 21_600)
    send(database, "ahu-1", last_days(4))
    now = datetime.now(UTC)
    (mine,) = watches.take(database, now, CATCH_UP, 16)
    assert watches.take(database, now, CATCH_UP, 16) == []  # it is held
    (theirs,) = watches.take(database, now + watches.LEASE, CATCH_UP, 16)
    question = predicting.asked(database, "ahu-1", mine.newest)
    answer = Answer.model_validate_json(model.respond(question.body))
    with pytest.raises(LostError):
        watches.keep(database, mine, question, answer, now)
    assert made(database) == []
    watches.keep(database, theirs, question, answer, now)
    assert [one.slot for one in made(database)] == [mine.newest]


def test_a_unit_whose_points_do_not_suffice_is_never_asked_about(plant, small):
    database, _ = plant
    declare(database, "vav-1", 900, ["zone_temperature"])
    send(database, "vav-1", last_days(2)[["zone_temperature"]])
    assert not predicting.predict(*plant)
    assert small.asked == []


def test_the_reference_grows_with_each_answer_until_somebody_makes_another(plant, small, model):
    database, _ = plant
    declare(database, "ahu-1", 21_600)
    healthy_at = datetime.now(UTC) - timedelta(days=1)
    told = reference()
    with store.transaction(database) as session:
        units.keep_reference(session, "ahu-1", told, healthy_at)
    send(database, "ahu-1", last_days(4))
    predict_all(plant)
    with store.transaction(database) as session:
        unit = session.get_one(Unit, "ahu-1")
    assert unit.reference_at == healthy_at
    assert unit.reference["laws"] == told["laws"]
    assert len(str(unit.reference)) > len(str(told))


def test_what_is_found_last_is_said_to_the_alerts_and_nothing_older(plant, small):
    database, _ = plant
    declare(database, "ahu-1", 21_600)
    clogged = last_days(4)
    clogged["filter_pressure_drop"] *= 3
    send(database, "ahu-1", clogged)
    predict_all(plant)
    with store.transaction(database) as session:
        standing = list(session.scalars(select(AlertRow)))
    assert {row.unit_id for row in standing} <= {"ahu-1"}
