"""The models as they answer: the inference server and what it shares with training."""

import os

# ONNX Runtime tells its makers about each process and model unless this stands there before it is first imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
