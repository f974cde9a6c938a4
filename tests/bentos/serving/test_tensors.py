"""The quick reader of plain requests takes nothing that the careful one refuses or reads otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st

from bentos.serving.problems import Refused
from bentos.serving.tensors import TensorSpec, parse, plain

SPEC = TensorSpec("x", "FP64", (-1, 2))

scalars = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-5, 5), st.booleans(), st.text("1.a"))
data = st.one_of(st.lists(scalars, max_size=6), st.lists(st.lists(scalars, max_size=3), max_size=3), scalars, st.none())
shapes = st.one_of(st.lists(st.sampled_from([-1, 0, 1, 2, 3, True, 2.0, "2"]), max_size=3), st.none())
tensors = st.fixed_dictionaries(
    {"name": st.sampled_from(["x", "y"]), "shape": shapes, "datatype": st.sampled_from(["FP64", "FP32"]), "data": data},
    optional={"parameters": st.sampled_from([{}, {"binary_data_size": 8}])},
)
heads: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"inputs": st.lists(tensors, max_size=2)}, optional={"id": st.just("1"), "outputs": st.just([{"name": "p"}])}
)
numbers = st.floats(allow_nan=False, allow_infinity=False)
ordinary = st.lists(numbers, min_size=2, max_size=8).map(
    lambda values: {"inputs": [{"name": "x", "shape": [len(values) // 2, 2], "datatype": "FP64", "data": values}]}
)


def read(reader: Any) -> Any:
    try:
        return reader()
    except Refused as refused:
        return refused.code


@given(st.one_of(heads, ordinary))
def test_what_is_plain_is_read_as_the_careful_reader_reads_it(head):
    body = orjson.dumps(head)
    quick = read(lambda: plain(body, SPEC))
    careful = read(lambda: parse(body, None))
    if isinstance(quick, str):
        assert quick == careful
    elif quick is not None:
        np.testing.assert_array_equal(quick, careful.inputs["x"], strict=True)
        assert (careful.id, careful.outputs, careful.all_binary) == (None, None, False)


@given(st.lists(numbers, min_size=2, max_size=2))
def test_the_plainest_request_is_plain(values):
    tensor = {"name": "x", "shape": [1, 2], "datatype": "FP64", "data": values}
    np.testing.assert_array_equal(plain(orjson.dumps({"inputs": [tensor]}), SPEC), [values])
