"""Settings from the environment reach what they set."""

import pytest
from pydantic import ValidationError

from bentos.load.repository import RELEASED, open_model
from bentos.serving.server import Knobs
from bentos.serving.threads import Threads


def test_what_a_batch_may_be_comes_from_the_environment(monkeypatch):
    assert Knobs().limits.linger_s == float("inf")
    for name, value in {"BATCH_ROWS": "8", "QUEUE_ROWS": "99", "LINGER_MS": "1.5"}.items():
        monkeypatch.setenv(f"FOREWATT_{name}", value)
    limits = Knobs().limits
    assert (limits.batch_rows, limits.queue_rows, limits.linger_s) == (8, 99, 0.0015)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_model_computes_in_as_many_threads_as_the_environment_says(monkeypatch, threads):
    monkeypatch.setenv("FOREWATT_MODEL_THREADS", threads)
    graphs = open_model(RELEASED)._graphs.values()  # which also proves that its answers are the recorded ones
    assert {graph._session.get_session_options().intra_op_num_threads for graph in graphs} == {int(threads)}


@pytest.mark.parametrize(("name", "value"), [("LINGER_MS", "-1"), ("LINGER_MS", "nan"), ("MODEL_THREADS", "0")])
def test_a_setting_that_makes_no_sense_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(f"FOREWATT_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        (Knobs if name == "LINGER_MS" else Threads)()
