"""Which adapters may be asked for. The base model is the only one until adapters can be admitted."""

from typing import Any

from fastapi import APIRouter

from service.api.deps import CallerDep
from service.core import BASE, Adapter
from service.errors import NotFound

router = APIRouter(tags=["adapters"])


def resolve(name: str) -> Adapter:
    """The adapter that a name points to now. Raises NotFound."""
    if name != BASE.name:
        raise NotFound(
            "There is no adapter of this name. GET /v1/models lists those that you may use.", field="model"
        )
    return BASE


@router.get("/api/adapters")
def adapters(caller: CallerDep) -> dict[str, Any]:
    return {"adapters": [{"name": BASE.name, "digest": BASE.digest, "version": BASE.version}]}


@router.get("/v1/models")
def models(caller: CallerDep) -> dict[str, Any]:
    return {"object": "list", "data": [_model(BASE.name)]}


@router.get("/v1/models/{name}")
def model(name: str, caller: CallerDep) -> dict[str, Any]:
    return _model(resolve(name).name)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "privity"}
