"""The forest on uvicorn, one call of the model a request: what batching must not cost a lone caller."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import onnxruntime
import orjson

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["FOREST"], options)

Send = Callable[[dict[str, Any]], Awaitable[None]]


async def app(scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
    """POST an Open Inference Protocol question."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    features = np.array([orjson.loads(body)["inputs"][0]["data"]])
    (prediction,) = session.run(None, {"features": features})
    output = {"name": "prediction", "shape": [1], "datatype": "FP64", "data": prediction.tolist()}
    answer = orjson.dumps({"model_name": "forest", "outputs": [output]})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
