"""Adapters: which may be asked for, and for those who manage them how they are published and go."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks, Query
from fastapi.responses import FileResponse

from service.adapters import Named, Version
from service.api.adapter_views import Views
from service.api.deps import CallerDep, HouseDep
from service.api.house import House
from service.api.schemas import AdapterSplit, AdapterVersion, OneVersion
from service.core import BASE, Caller, Scope
from service.errors import Conflict, NotFound

router = APIRouter(tags=["adapters"])

MatterQuery = Annotated[
    list[str] | None, Query(description="Only what questions over these matters may use.")
]


# --- which there are ---------------------------------------------------------------------------------------


@router.get("/api/adapters")
def adapters(caller: CallerDep, house: HouseDep, matter: MatterQuery = None) -> dict[str, Any]:
    """The base and the adapters that one may use; who manages them sees all versions, and what is in line or refused.

    With `matter` only what questions over that matter may be put to.
    """
    views, scope = _views(caller, house)
    if matter:
        cards = house.adapters.visible(house.walls.scope(caller, matter))
        return {"adapters": [views.base(), *map(views.card, cards)]}
    waiting = house.adapters.admissions(scope)
    return {
        "adapters": [views.base(), *map(views.card, house.adapters.managed(scope))],
        "admissions": [views.admission(one) for one in waiting],
        "memory": views.memory(),
    }


@router.get("/api/adapters/{name}")
def adapter(name: str, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """A name with its versions; for those who manage it also what was done with it and how each version does.

    `previous` is the version that a roll back would publish.
    """
    views, scope = _views(caller, house)
    card = house.adapters.card(name, scope)
    told = views.card(card)
    if not views.manages:
        return told
    history = [views.event(event) for event in house.adapters.history(name, scope)]
    figures = views.figures(house.adapters.figures(card))
    return told | {"previous": house.adapters.earlier(card), "history": history, "figures": figures}


@router.get("/v1/models")
def models(caller: CallerDep, house: HouseDep, matter: MatterQuery = None) -> dict[str, Any]:
    """The models that one may name; with `matter` those that questions over it may be put to."""
    scope = house.walls.scope(caller, matter) if matter else house.walls.whole_scope(caller)
    found = house.adapters.visible(scope)
    return {"object": "list", "data": [_model(BASE.name, 0), *(_model(c.name, c.created) for c in found)]}


@router.get("/v1/models/{name}")
def model(name: str, caller: CallerDep, house: HouseDep, matter: MatterQuery = None) -> dict[str, Any]:
    for found in models(caller, house, matter)["data"]:
        if found["id"] == name:
            return dict(found)
    raise NotFound(
        "There is no adapter of this name. GET /v1/models lists those that you may use.", field="model"
    )


# --- deeds -------------------------------------------------------------------------------------------------


@router.post("/api/adapters/{name}/publish")
def publish(name: str, body: AdapterVersion, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Points the name to a version, and ends its split. Answers that run finish as they began. Null withdraws it."""
    house.walls.require(caller, "administer")
    house.adapters.publish(name, body.version, caller.id)
    return _one(name, caller, house)


@router.post("/api/adapters/{name}/rollback")
def rollback(name: str, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Points the name to the version that was published before."""
    house.walls.require(caller, "administer")
    house.adapters.rollback(name, caller.id)
    return _one(name, caller, house)


@router.post("/api/adapters/{name}/retire")
def retire(name: str, body: OneVersion, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Takes a version out of use; its files go when nothing runs under them."""
    house.walls.require(caller, "administer")
    house.adapters.retire(name, body.version, caller.id)
    return _one(name, caller, house)


@router.post("/api/adapters/{name}/split")
def split(name: str, body: AdapterSplit, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Gives a version a share of the name's questions; a share of 0 ends that, and so does publishing either one."""
    house.walls.require(caller, "administer")
    version = body.version
    if version is None:
        version = house.adapters.card(name, house.walls.whole_scope(caller)).candidate
    if version is None:
        raise Conflict(f"{name} has no split. Name the version that is to get a share.")
    house.adapters.split(name, version, body.share, caller.id)
    return _one(name, caller, house)


@router.get("/api/adapters/{name}/versions/{version}/file")
def export(
    name: str,
    version: int,
    caller: CallerDep,
    house: HouseDep,
    later: BackgroundTasks,
    form: Annotated[
        Literal["peft", "gguf"], Query(description="A zip of what came in, or the GGUF.")
    ] = "peft",
) -> FileResponse:
    """The adapter's files, for those who manage it and belong to every matter that it learned from."""
    house.walls.require(caller, "train")
    scope = house.walls.whole_scope(caller)
    found = _version(house.adapters.card(name, scope), version)
    if form == "gguf":
        file = house.adapters.gguf(found, scope)
        return FileResponse(file, filename=f"{name}-v{version}.gguf", media_type="application/octet-stream")
    room = house.adapters.room()
    later.add_task(house.adapters.leave, room)
    try:
        file = house.adapters.export(found, scope, room)
    except BaseException:
        house.adapters.leave(room)
        raise
    return FileResponse(file, filename=file.name, media_type="application/zip")


def _version(card: Named, number: int) -> Version:
    version = card.version(number)
    if version is None:
        raise NotFound(f"{card.name} has no version {number}.")
    return version


def _one(name: str, caller: Caller, house: House) -> dict[str, Any]:
    views, scope = _views(caller, house)
    return views.card(house.adapters.card(name, scope))


def _views(caller: Caller, house: House) -> tuple[Views, Scope]:
    scope = house.walls.whole_scope(caller)
    return Views(house, scope), scope


def _model(name: str, created: float) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": int(created), "owned_by": "privity"}
