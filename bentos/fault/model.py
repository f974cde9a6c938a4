"""The fault model as it answers: an opened artifact and a question become a diagnosis."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from bentos.artifact import Artifact, ArtifactError, fingerprint
from bentos.fault import diagnosis
from bentos.fault.case import Case, prepare_case, readings_of
from bentos.fault.diagnosis import Level, Notice, Opinion
from bentos.fault.evidence import weigh
from bentos.fault.schema import (
    HORIZONS,
    Answer,
    Chance,
    Evidence,
    FaultCode,
    HealthyPeriod,
    Model,
    Question,
    ReferenceAnswer,
)
from bentos.fault.series import Points, Strict
from bentos.fault.windows import CHANNELS, STEPS, Window, reference_of
from bentos.serving.graphs import session
from bentos.serving.problems import Refused, invalid
from bentos.serving.tensors import TensorSpec

Floats = NDArray[np.float64]

NAME = "fault"
GRAPH = "network.onnx"
NONE = "none"  # the type of a unit without a fault
CLOSE = 1e-3  # of a probability, between machines


def schema_fingerprint() -> str:
    """Of the fields of question and answer and of the window's channels; an artifact made for others is refused."""
    speakers = (Question, Points, Answer, Chance, Model)
    fields = {speaker.__name__: ", ".join(sorted(speaker.model_fields)) for speaker in speakers}
    return fingerprint({**fields, "channels": ", ".join(CHANNELS)})


class Parameters(Strict):
    """What is fitted beside the graph: types in its order, each horizon's calibration, the levels' thresholds.

    A ``notice`` goes by how sure the network is of the fault that it names, higher levels by how soon a loss is likely.
    A calibrated chance is the logistic of slope × log-odds + offset.
    """

    types: list[FaultCode | str] = Field(min_length=2)
    slope: list[float] = Field(min_length=len(HORIZONS), max_length=len(HORIZONS))
    offset: list[float] = Field(min_length=len(HORIZONS), max_length=len(HORIZONS))
    notice: Notice
    levels: list[Level]
    simulated_training: bool


class FaultModel:
    """One ONNX graph.

    From ``window`` [N, STEPS, features] it makes ``hazard`` [N, 6] and ``type`` [N, K], both log-odds, and ``severity``
    [N] from 0 to 1.
    """

    platform = "onnxruntime_onnx"

    def __init__(self, artifact: Artifact) -> None:
        self.manifest = artifact.manifest
        self.name, self.version = self.manifest.name, self.manifest.version
        self.parameters = Parameters.model_validate(self.manifest.parameters)
        features = self.manifest.features
        if unknown := set(features) - set(CHANNELS):
            raise ArtifactError(f"Model {self.version} needs channels that windows do not have: {sorted(unknown)}.")
        self._places = [CHANNELS.index(name) for name in features]
        self.input = TensorSpec("window", "FP32", (-1, STEPS, len(features)))
        self.outputs = [
            TensorSpec("hazard", "FP32", (-1, len(HORIZONS))),
            TensorSpec("type", "FP32", (-1, len(self.parameters.types))),
            TensorSpec("severity", "FP32", (-1,)),
        ]
        self._session = session(artifact.files[GRAPH])

    def answer(self, question: Question) -> Answer:
        """A diagnosis; the same question, the same answer. Raises ``Refused`` for a reference that is none."""
        case = prepare_case(question)
        return self._worded(case, self.opinion(case))

    def respond(self, body: bytes) -> bytes:
        """The same in JSON. Raises ``Refused``."""
        try:
            question = Question.model_validate_json(body)
        except ValidationError as wrong:
            raise invalid(wrong) from None
        return self.answer(question).model_dump_json().encode()

    def sample_question(self) -> bytes:
        """The golden one."""
        return json.dumps(self.manifest.golden.question).encode()

    def predict(self, rows: Window) -> list[Floats]:
        """For windows [N, STEPS, features] an array for each of ``outputs``: chances, types' shares, severity.

        Chances are calibrated and never fall with the horizon.
        """
        hazard, kind, severity = self._session.run(["hazard", "type", "severity"], {"window": rows})
        slope, offset = np.array(self.parameters.slope), np.array(self.parameters.offset)
        chances = 1 / (1 + np.exp(-np.clip(slope * hazard + offset, -50, 50)))
        odds = np.exp(kind - kind.max(axis=1, keepdims=True))
        types = odds / odds.sum(axis=1, keepdims=True)
        return [np.maximum.accumulate(chances, axis=1), types, np.clip(severity, 0, 1)]

    def opinion(self, case: Case) -> Opinion:
        """What the network says of a case."""
        chances, types, severity = (found[0] for found in self.predict(case.window[None][:, :, self._places]))
        shares = zip(self.parameters.types, types.tolist(), strict=True)
        faults = {name: share for name, share in shares if name != NONE}
        faulty, sure = sum(faults.values()), max(faults.values())
        ranked = sorted(((name, share / max(faulty, 1e-9)) for name, share in faults.items()), key=_share)
        said, notice = [round(chance, 4) for chance in chances.tolist()], self.parameters.notice
        level = max(diagnosis.level_of(said, self.parameters.levels), int(sure >= notice.on))
        unsure = not level and sure >= notice.off
        return Opinion(said, dict(ranked), round(float(severity), 4), level, unsure)  # type: ignore[arg-type]

    def examples(self, n: int) -> Window:
        """[n, STEPS, features] windows, different as units are."""
        return np.random.default_rng(0).normal(size=(n, STEPS, len(self._places))).astype(np.float32)

    def prove(self) -> None:
        """Ask the golden question. Raises ``ArtifactError`` where the answer is not the recorded one."""
        golden = self.manifest.golden
        answer = comparable(self.answer(Question.model_validate_json(json.dumps(golden.question))))
        recorded = golden.answer
        if not isinstance(recorded, dict) or set(recorded) != set(answer) or not _close(answer, recorded):
            raise ArtifactError(
                f"Model {self.version} answers its golden question otherwise than recorded. "
                "Install the library versions of constraints.txt, or train again."
            )

    def _worded(self, case: Case, opinion: Opinion) -> Answer:
        known = diagnosis.certain(case, opinion)
        fault, alternatives = diagnosis.chosen(case, opinion, known)
        lead = diagnosis.lead_hours_of(known, opinion.chances)
        simulated = self.parameters.simulated_training
        return Answer(
            unit_id=case.question.unit_id,
            at=case.at.to_pydatetime(),
            chances=[Chance(within_hours=h, probability=p) for h, p in zip(HORIZONS, opinion.chances, strict=True)],
            fault=fault,
            alternatives=alternatives,
            severity=opinion.severity,
            level=max(diagnosis.level_by_rules(known), opinion.level),
            level_from="rules" if known else "model",
            unsure=opinion.unsure,
            predicted_time=None if lead is None else (case.at + timedelta(hours=lead)).to_pydatetime(),
            lead_hours=lead,
            evidence=[*self._weighed(case, opinion), *diagnosis.evidence(case)],
            action=diagnosis.advice(fault, case),
            verdicts=diagnosis.verdicts(case, opinion),
            validity=diagnosis.validity(case),
            missing=diagnosis.missing(case),
            has_reference=case.reference is not None,
            reference=None if case.carried is None else case.carried.model_dump(mode="json"),
            simulated_training=simulated,
            model=Model(name=self.name, version=self.version, simulated_training=simulated),
            warnings=diagnosis.warnings(case, simulated),
        )

    def _weighed(self, case: Case, opinion: Opinion) -> list[Evidence]:
        """Only of a warning: twenty more windows cost more than the answer."""
        if not opinion.level:
            return []
        window = case.window[:, self._places]
        return weigh(window, case.at, self.manifest.features, lambda rows: self.predict(rows)[0][:, -1])


def reference_for(period: HealthyPeriod) -> ReferenceAnswer:
    """A unit's reference. Raises ``Refused`` 422 where the period says too little."""
    try:
        reference = reference_of(readings_of(period))
    except ValueError as short:
        raise Refused(422, "period_too_short", str(short)) from None
    return ReferenceAnswer(unit_id=period.unit_id, reference=reference.model_dump(mode="json"))


def reference_answer(body: bytes) -> bytes:
    """The same in JSON. Raises ``Refused``."""
    try:
        period = HealthyPeriod.model_validate_json(body)
    except ValidationError as wrong:
        raise invalid(wrong) from None
    return reference_for(period).model_dump_json().encode()


def comparable(answer: Answer) -> dict[str, float]:
    """The part of an answer that a golden question fixes."""
    return {f"within_{said.within_hours}": said.probability for said in answer.chances} | {"severity": answer.severity}


def _close(answer: dict[str, float], recorded: Mapping[str, object]) -> bool:
    return all(
        isinstance(was := recorded[name], float | int) and abs(was - is_) <= CLOSE for name, is_ in answer.items()
    )


def _share(named: tuple[str, float]) -> float:
    return -named[1]
