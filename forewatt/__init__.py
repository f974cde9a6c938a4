"""The typed client for those who call Forewatt from Python: ``from forewatt import Client``."""

from forewatt.answers import Day, Imported, Measured, Month, Peak, Received, Task
from forewatt.client import Client
from forewatt.problems import ProblemError, TaskFailedError, UnreachableError

__all__ = [
    "Client",
    "Day",
    "Imported",
    "Measured",
    "Month",
    "Peak",
    "ProblemError",
    "Received",
    "Task",
    "TaskFailedError",
    "UnreachableError",
]
