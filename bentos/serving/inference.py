"""From the tensors that a caller sends to rows for a batch, and from the batch's results to his answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bentos.serving.contract import Served
from bentos.serving.hosting import Array, Hosted, Outputs, whole
from bentos.serving.messages import JSON, OCTETS, Reply, timings
from bentos.serving.problems import Refused
from bentos.serving.tensors import DTYPES, PLAIN, Inference, TensorSpec, parse, plain, render

JSON_LENGTH = b"inference-header-content-length"
MAX_ROWS = 4096  # of one request; a caller with more sends more requests


@dataclass(slots=True)
class Question:
    """What is asked of which model: ``rows`` [N, …] in the model's own datatype, and the outputs wanted."""

    hosted: Hosted
    rows: Array
    asked: Inference
    wanted: dict[int, TensorSpec]  # by their places among the model's outputs


def understood(hosted: Hosted, headers: dict[bytes, bytes], body: bytes) -> Question:
    """Raises ``Refused`` for what is no question to this model."""
    spec = hosted.model.input
    if JSON_LENGTH not in headers and (tensor := plain(body, spec)) is not None:
        return Question(hosted, _shaped(tensor, spec), PLAIN, hosted.outputs)  # JSON knows finite numbers alone
    asked = parse(body, _json_length(headers, body))
    wanted = hosted.outputs if asked.outputs is None else _wanted(asked.outputs, hosted.model.outputs)
    return Question(hosted, _rows(asked.inputs, spec), asked, wanted)


def answered(question: Question, served: Served[Outputs]) -> Reply:
    """Raises ``Refused`` 500 naming the rows on which the model failed."""
    hosted, asked = question.hosted, question.asked
    head = {"model_name": hosted.model.name, "model_version": hosted.model.version}
    if asked.id is not None:
        head["id"] = asked.id
    body, json_length = render(head, whole(served.results), question.wanted, asked)
    headers = [(b"server-timing", timings(served))]
    if json_length is None:
        return Reply(200, body, JSON, headers)
    return Reply(200, body, OCTETS, [*headers, (JSON_LENGTH, str(json_length).encode())])


def _json_length(headers: dict[bytes, bytes], body: bytes) -> int | None:
    said = headers.get(JSON_LENGTH)
    if said is None:
        return None
    if not said.isdigit() or int(said) > len(body):
        raise Refused(400, "bad_length", "Inference-Header-Content-Length must be the length of the JSON part.")
    return int(said)


def _rows(inputs: dict[str, Array], spec: TensorSpec) -> Array:
    """The model's input [rows, …] in its own datatype. Raises ``Refused`` where it does not fit."""
    if len(inputs) != 1 or spec.name not in inputs:
        raise Refused(400, "wrong_inputs", f"The model has one input, {spec.name!r}; the request has {sorted(inputs)}.")
    array = _shaped(inputs[spec.name], spec)
    wanted = DTYPES[spec.datatype]
    if array.dtype != wanted:
        if not np.can_cast(array.dtype, wanted, "safe"):
            raise Refused(400, "wrong_datatype", f"{spec.name!r} must be {spec.datatype}, or what fits into it.")
        array = array.astype(wanted)
    # The sum of squares of finite numbers is finite, or so large that each must be looked at.
    if not math.isfinite(np.vdot(array, array)) and not np.isfinite(array).all():
        raise Refused(400, "not_finite", f"{spec.name!r} has a value that is no finite number.")
    return array


def _shaped(array: Array, spec: TensorSpec) -> Array:
    if not len(array) or not _fits(array.shape, spec.shape):
        raise Refused(
            400, "wrong_shape", f"{spec.name!r} must have the shape {list(spec.shape)}, not {list(array.shape)}."
        )
    if len(array) > MAX_ROWS:
        raise Refused(413, "too_many_rows", f"{len(array)} rows in one request; send at most {MAX_ROWS}.")
    return array


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    if shape[1:] == wanted[1:]:  # nearly always; the first dimension is rows
        return True
    return len(shape) == len(wanted) and all(n in (-1, m) for n, m in zip(wanted, shape, strict=True))


def _wanted(names: list[str] | None, specs: Sequence[TensorSpec]) -> dict[int, TensorSpec]:
    places = {spec.name: place for place, spec in enumerate(specs)}
    unknown = [name for name in names or () if name not in places]
    if unknown:
        raise Refused(400, "no_output", f"There is no output {unknown[0]!r}; there are {', '.join(places)}.")
    return {places[name]: specs[places[name]] for name in names or places}
