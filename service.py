"""What BentoML serves: each model alone, or both in one process."""

import bentoml

from bentos.fault.service import FaultApi, FaultService
from bentos.load.service import LoadApi, LoadService
from bentos.serving.bento import HotService

__all__ = ["FaultService", "ForewattService", "LoadService"]


@bentoml.service(name="forewatt", service_class=HotService)
class ForewattService(LoadApi, FaultApi):
    """Both models in one process; the fault model as soon as the registry or the bento has one."""
