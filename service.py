"""What BentoML serves."""

from bentos.load.service import LoadService

__all__ = ["LoadService"]
