"""The forest on FastAPI, an asynchronous route and pydantic models, one call of the model a request."""

from __future__ import annotations

import os

import numpy as np
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["FOREST"], options)
app = FastAPI()


class Question(BaseModel):
    """One row."""

    features: list[float]


class Answer(BaseModel):
    """Its prediction."""

    prediction: float


@app.post("/predict")
async def predict(question: Question) -> Answer:
    """Asynchronous: a thread a request would cost more than the model."""
    (prediction,) = session.run(None, {"features": np.array([question.features])})
    return Answer(prediction=float(prediction[0]))
