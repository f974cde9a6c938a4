"""The early warning that is judged and not released: it is there for trials, and no server takes it by itself."""

from pathlib import Path

from bentos.fault import repository
from bentos.fault.model import FaultModel
from bentos.fault.schema import Answer, Question

CANDIDATE = Path(repository.__file__).with_name("candidate")


def test_the_candidate_is_small_and_answers_its_golden_question_as_it_was_recorded():
    model: FaultModel = repository.open_model(CANDIDATE)  # proves it
    assert sum(file.stat().st_size for file in CANDIDATE.iterdir()) < 2_000_000
    question = Question.model_validate(model.manifest.golden.question, strict=False)
    answer = model.answer(question)
    assert isinstance(answer, Answer)
    assert answer.simulated_training
    assert answer.has_reference


def test_nothing_is_released_and_the_candidate_is_not_taken_for_it():
    assert not repository.RELEASED.exists()
    assert repository.RELEASED != CANDIDATE
