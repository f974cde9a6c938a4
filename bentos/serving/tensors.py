"""Tensors as the Open Inference Protocol v2 writes them: in JSON, and in Triton's binary extension.

https://github.com/kserve/open-inference-protocol and the binary tensor data extension of Triton's documentation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from bentos.serving.problems import Refused

Array = NDArray[Any]

DTYPES = {
    "BOOL": np.dtype("?"), "UINT8": np.dtype("u1"), "UINT16": np.dtype("<u2"), "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"), "INT8": np.dtype("i1"), "INT16": np.dtype("<i2"), "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"), "FP16": np.dtype("<f2"), "FP32": np.dtype("<f4"), "FP64": np.dtype("<f8"),
}  # fmt: skip
# What JSON numbers may become; numpy alone would also take "1.5" and true for numbers.
FROM_JSON = {"b": "b", "u": "iu", "i": "iu", "f": "iuf"}
NOTHING = memoryview(b"")
MAX_DIMENSIONS = 8
WHOLE_NUMBERS = {int}  # and not bool, which is one of them to isinstance


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A model's input or output; -1 in ``shape`` is any number, the first dimension is rows."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def described(self) -> dict[str, object]:
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}


@dataclass(slots=True)
class Inference:
    """A parsed request: arrays by input name, the outputs wanted (none: all), and which of them in binary."""

    id: str | None
    inputs: dict[str, Array]
    outputs: list[str] | None
    binary: set[str]
    all_binary: bool


PLAIN = Inference(None, {}, None, set(), False)  # asks for all outputs in JSON


def plain(body: bytes, spec: TensorSpec) -> Array | None:
    """The tensor ``spec`` [N, …] where the body is nothing but it, in JSON; ``None`` where ``parse`` must look at it.

    Raises ``Refused`` 400.
    """
    try:
        head = orjson.loads(body)
        (tensor,) = head["inputs"]
        if len(head) > 1 or len(tensor) > 4 or (tensor["name"], tensor["datatype"]) != (spec.name, spec.datatype):
            return None
        array = np.array(tensor["data"])
        return array.reshape(_shape(tensor)) if array.dtype == DTYPES[spec.datatype] else None
    except (KeyError, TypeError, ValueError):
        return None


def parse(body: bytes, json_length: int | None) -> Inference:
    """Read a request; ``json_length`` is the header of the binary extension. Raises ``Refused`` 400."""
    try:
        head = orjson.loads(body if json_length is None else body[:json_length])
    except orjson.JSONDecodeError as wrong:
        raise Refused(400, "not_json", f"The body is not JSON: {wrong}. Send an object with inputs.") from None
    if not isinstance(head, dict) or not isinstance(head.get("inputs"), list) or not head["inputs"]:
        raise Refused(
            400, "no_inputs", 'The body has no inputs. Send {"inputs": [{"name", "shape", "datatype", "data"}]}.'
        )
    rest = NOTHING if json_length is None else memoryview(body)[json_length:]
    inputs = {}
    for tensor in head["inputs"]:
        name, array, rest = _input(tensor, rest)
        inputs[name] = array
    if len(rest):
        raise Refused(400, "binary_left", f"{len(rest)} bytes of binary data belong to no input.")
    wanted = _outputs(head.get("outputs"))
    binary = {name for name, said in wanted.items() if said}
    return Inference(_id(head), inputs, list(wanted) or None, binary, bool(_parameters(head).get("binary_data_output")))


def _id(head: dict[str, Any]) -> str | None:
    said = head.get("id")
    return None if said is None else str(said)[:256]


def _parameters(said: dict[str, Any]) -> dict[str, Any]:
    found = said.get("parameters") or {}
    if not isinstance(found, dict):
        raise Refused(400, "bad_parameters", "parameters must be an object.")
    return found


def _outputs(said: object) -> dict[str, bool]:
    if said is None:
        return {}
    if not isinstance(said, list) or not all(isinstance(o, dict) and isinstance(o.get("name"), str) for o in said):
        raise Refused(400, "bad_outputs", 'outputs must be a list of {"name": …}.')
    return {output["name"]: bool(_parameters(output).get("binary_data")) for output in said}


def _input(tensor: object, rest: memoryview) -> tuple[str, Array, memoryview]:
    """One input, and what is left of the binary part."""
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        raise Refused(400, "bad_input", "Each input needs a name, a shape, a datatype and data.")
    name, shape = tensor["name"], _shape(tensor)
    dtype = DTYPES.get(str(tensor.get("datatype")))
    if dtype is None:
        raise Refused(400, "bad_datatype", f"Input {name!r}: the datatype must be one of {', '.join(DTYPES)}.")
    size = _parameters(tensor).get("binary_data_size")
    if size is not None:
        wanted = math.prod(shape) * dtype.itemsize
        if size != wanted or len(rest) < wanted:
            raise Refused(400, "bad_size", f"Input {name!r}: shape and datatype need {wanted} bytes of binary data.")
        return name, np.frombuffer(rest[:wanted], dtype).reshape(shape), rest[wanted:]
    return name, _from_json(name, tensor.get("data"), shape, dtype), rest


def _shape(tensor: dict[str, Any]) -> tuple[int, ...]:
    shape = tensor.get("shape")
    if (
        not isinstance(shape, list)
        or not 0 < len(shape) <= MAX_DIMENSIONS
        or set(map(type, shape)) != WHOLE_NUMBERS
        or not 0 <= min(shape) <= max(shape) < 2**31
    ):
        raise Refused(400, "bad_shape", f"Input {tensor['name']!r}: the shape must be a list of whole numbers.")
    return tuple(shape)


def _from_json(name: str, data: object, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    try:
        array = np.asarray(data if isinstance(data, list) else [data])
    except (ValueError, OverflowError):  # ragged
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in FROM_JSON[dtype.kind] and array.size:
        raise Refused(400, "bad_data", f"Input {name!r}: the data are not all of its datatype.")
    if array.size != math.prod(shape):
        raise Refused(400, "bad_data", f"Input {name!r}: the shape needs {math.prod(shape)} values, {array.size} came.")
    if (
        dtype.kind in "ui"
        and array.size
        and not (np.iinfo(dtype).min <= array.min() and array.max() <= np.iinfo(dtype).max)
    ):
        raise Refused(400, "bad_data", f"Input {name!r}: a value is outside its datatype.")
    if array.dtype != dtype:
        array = array.astype(dtype)
    return array if array.shape == shape else array.reshape(shape)


def render(
    head: dict[str, Any], results: Sequence[tuple[Any, ...]], specs: Mapping[int, TensorSpec], asked: Inference
) -> tuple[bytes, int | None]:
    """The answer's body, and the length of its JSON where binary data follows.

    ``results`` are rows, of which each has a value for every output; ``specs`` are those wanted, by their place there.
    """
    written, blobs = [], []
    for place, spec in specs.items():
        column = [row[place] for row in results]
        tensor: dict[str, Any] = {"name": spec.name, "datatype": spec.datatype, "shape": [len(column)]}
        binary = asked.all_binary if asked.outputs is None else spec.name in asked.binary
        if len(spec.shape) == 1 and not binary:
            tensor["data"] = column
        else:
            array = np.asarray(column, DTYPES[spec.datatype])
            tensor["shape"] = array.shape
            if binary:
                blobs.append(array.tobytes())
                tensor["parameters"] = {"binary_data_size": array.nbytes}
            else:
                tensor["data"] = array.ravel().tolist()
        written.append(tensor)
    text = orjson.dumps(head | {"outputs": written})
    return (text, None) if not blobs else (b"".join([text, *blobs]), len(text))
