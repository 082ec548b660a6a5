"""HTTP, and nothing else."""

from service.api.app import create_app
from service.api.deps import session

__all__ = ["create_app", "session"]
