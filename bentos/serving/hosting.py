"""The models that answer now: each version with its own batcher, changed under load without losing a request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from bentos.serving.batcher import Batcher
from bentos.serving.contract import Limits, Served, Shed
from bentos.serving.desk import Clerk, Desk
from bentos.serving.isolation import RowError
from bentos.serving.metrics import COUNTS, Counted
from bentos.serving.problems import Refused
from bentos.serving.tensors import DTYPES, TensorSpec
from bentos.serving.waiting import Ticket
from bentos.serving.worker import Worker

Array = NDArray[Any]
Outputs = tuple[Any, ...]  # of one row: a value or an array for each output

# A batch that costs less runs in the event loop: handing it to a thread and back would cost as much again.
INLINE_S = 0.001
EXAMPLES = 8  # batches of different rows to measure with


class Servable(Protocol):
    """A model whose rows can be stacked: one input, rows first."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def platform(self) -> str: ...
    @property
    def input(self) -> TensorSpec: ...
    @property
    def outputs(self) -> Sequence[TensorSpec]: ...

    def predict(self, rows: Array) -> Sequence[Array]:
        """An array [N, …] for each output; blocks."""
        ...

    def examples(self, n: int) -> Array:
        """Made-up rows [n, …], different as callers' rows are, to measure the cost with."""
        ...


@runtime_checkable
class Answering(Servable, Protocol):
    """A model that takes whole questions beside rows."""

    def respond(self, body: bytes) -> bytes:
        """The answer to a question, both JSON. Raises ``Refused``; blocks."""
        ...

    def sample_question(self) -> bytes:
        """One to measure the cost with."""
        ...


@dataclass(frozen=True, slots=True)
class Hosted:
    """One version of a model, the batcher before it, and the desk for whole questions where it takes them."""

    model: Servable
    batcher: Batcher[Array, Outputs]
    outputs: dict[int, TensorSpec]  # by place
    desk: Desk[bytes] | None = None

    def enqueue(
        self, rows: Array, deadline: float, done: Callable[[Served[Outputs] | Shed], None]
    ) -> Ticket[Array, Outputs]:
        """Hand ``done`` the outputs of ``rows`` [N, …], which fit into one batch. Raises ``Shed``."""
        return self.batcher.enqueue(_each(rows), deadline, rows.nbytes, done)

    async def predict(self, rows: Array, deadline: float) -> Served[Outputs]:
        """Outputs by row for any number of ``rows`` [N, …], and the timings of the slowest batch. Raises ``Shed``."""
        most = self.batcher.limits.batch_rows
        if len(rows) <= most:
            return await self.batcher.submit(list(rows), deadline, rows.nbytes)
        chunks = [rows[first : first + most] for first in range(0, len(rows), most)]
        parts = await _all_or_none([self.batcher.submit(list(chunk), deadline, chunk.nbytes) for chunk in chunks])
        slowest = max(parts, key=lambda part: part.queued_s + part.compute_s)
        return replace(slowest, results=[result for part in parts for result in part.results])


def _each(rows: Array) -> list[Array]:
    return [rows[0]] if len(rows) == 1 else list(rows)


def whole(results: list[Outputs | RowError]) -> list[Outputs]:
    """All rows or none, since the protocol has no place for half an answer. Raises ``Refused`` 500 naming the bad."""
    failed = [(n, result) for n, result in enumerate(results) if isinstance(result, RowError)]
    if failed:
        errors = [{"row": n, "message": str(error)} for n, error in failed[:50]]
        raise Refused(500, "model_failed", f"The model failed on {len(failed)} of {len(results)} rows.", errors)
    return results  # type: ignore[return-value]


async def _all_or_none(submitted: Sequence[Any]) -> list[Served[Outputs]]:
    """Chunks of one request: where one is refused, the others leave the queue too."""
    tasks = [asyncio.ensure_future(chunk) for chunk in submitted]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


class Hosting:
    """Versions by model name; the newest loaded answers unless a request names another."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._hosted: dict[str, dict[str, Hosted]] = {}
        self._current: dict[str, str] = {}

    def find(self, name: str, version: str | None = None) -> Hosted:
        """Raises ``Refused`` 404."""
        hosted = self.look(name, version)
        if hosted is None:
            said = f"version {version!r} of {name!r}" if version else repr(name)
            raise Refused(404, "no_model", f"There is no model {said}. POST v2/repository/index lists what there is.")
        return hosted

    def desk(self, name: str) -> Desk[bytes]:
        """Where the version that answers now takes whole questions. Raises ``Refused`` 404."""
        desk = self.find(name).desk
        if desk is None:
            raise Refused(404, "no_questions", f"The model {name!r} takes rows alone: POST v2/models/{name}/infer.")
        return desk

    def look(self, name: str, version: str | None = None) -> Hosted | None:
        """The version of ``name`` that is asked for, else the one that answers now, if there is one."""
        return self._hosted.get(name, {}).get(version or self._current.get(name, ""))

    def versions(self, name: str) -> list[str]:
        return sorted(self._hosted.get(name, {}))

    def names(self) -> list[str]:
        return sorted(self._current)

    async def load(self, model: Servable) -> Hosted:
        """Measure the model's cost, then let it answer. A version that is there already just becomes current."""
        known = self._hosted.get(model.name, {})
        if model.version not in known:
            batcher = await self._batcher(model)
            desk = await self._desk(model) if isinstance(model, Answering) else None
            hosted = Hosted(model, batcher, dict(enumerate(model.outputs)), desk)
            # The one before stays and can be put back at once; older ones finish what they have accepted.
            kept = {version: before for version, before in known.items() if version == self._current[model.name]}
            for version in known.keys() - kept.keys():
                COUNTS.remove(model.name, version)
            self._hosted[model.name] = {**kept, model.version: hosted}
        self._current[model.name] = model.version
        return self._hosted[model.name][model.version]

    def unload(self, name: str) -> None:
        """What is accepted is still answered. Raises ``Refused`` 404."""
        self.find(name)
        for version in self._hosted.pop(name):
            COUNTS.remove(name, version)
        del self._current[name]

    async def _batcher(self, model: Servable) -> Batcher[Array, Outputs]:
        compute = _Compute(model)
        worker: Worker[Array, Outputs] = Worker(compute, f"model {model.name}")
        cost = await worker.cost(list(model.examples(EXAMPLES * self.limits.batch_rows)), self.limits.batch_rows)

        def at_once(rows: Sequence[Array]) -> list[Outputs] | None:
            return compute(rows) if cost.of(len(rows)) <= INLINE_S else None

        counted = Counted((model.name, model.version, "rows"), lambda: batcher.waiting_rows)
        batcher = Batcher(worker, cost, self.limits, counted)
        batcher.at_once = at_once
        COUNTS.add(counted)
        return batcher

    async def _desk(self, model: Answering) -> Desk[bytes]:
        clerk = Clerk(model.respond)
        counted = Counted((model.name, model.version, "questions"), lambda: desk.waiting)
        desk = Desk(clerk, await clerk.cost_s(model.sample_question()), self.limits, counted)
        COUNTS.add(counted)
        return desk


class _Compute:
    """A model's prediction for rows that are stacked here."""

    def __init__(self, model: Servable) -> None:
        self._model = model
        self._dtypes = [DTYPES[output.datatype] for output in model.outputs]

    def __call__(self, rows: Sequence[Array]) -> list[Outputs]:
        # A lone row is spared what many are worth: after a large model has run, little of NumPy is left in the caches.
        stacked = rows[0][None] if len(rows) == 1 else np.concatenate(rows).reshape(len(rows), *rows[0].shape)
        found = zip(self._model.predict(stacked), self._dtypes, strict=True)
        columns = [np.asarray(column, dtype) for column, dtype in found]
        return list(zip(*[column.tolist() if column.ndim == 1 else column for column in columns], strict=True))
