"""The forest as a custom runtime of MLServer; batch size and time stand in model-settings.json."""

from __future__ import annotations

import os

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Forest(MLModel):
    """MLServer stacks the requests of several callers before ``predict``."""

    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["FOREST"], options)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        features = NumpyCodec.decode_input(payload.inputs[0])
        (predictions,) = self.session.run(None, {"features": features})
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("prediction", predictions)])
