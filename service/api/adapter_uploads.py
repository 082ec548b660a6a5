"""Adapters on their way in: an upload, its checks, and how far they are."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from service.adapters import Wanted
from service.api.adapter_views import Views
from service.api.deps import CallerDep, HouseDep
from service.api.house import House
from service.api.uploads import Upload, received
from service.core import Caller
from service.errors import NotFound, Unfit

router = APIRouter(tags=["adapters"])

FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "name"],
                    "properties": {
                        "file": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "description": "A zip, a GGUF, or the files of an adapter's folder.",
                        },
                        "name": {"type": "string", "description": "What it is asked for by."},
                        "title": {"type": "string", "description": "The name in plain words."},
                        "matters": {"type": "string", "description": "Ids, repeated or with commas."},
                        "people": {"type": "string", "description": "Names, repeated or with commas."},
                    },
                }
            }
        },
    }
}


@router.post("/api/adapters", status_code=202, openapi_extra=FORM)
async def upload(
    request: Request,
    response: Response,
    caller: CallerDep,
    house: HouseDep,
    wait: Annotated[bool, Query(description="Answer when the checks are done.")] = False,
) -> dict[str, Any]:
    """Takes an adapter in and answers at once with an admission, whose ticks tell how far its checks are.

    `matters` are those whose papers it learned from (one must belong to each), `people` those who may use it. With
    `wait=1` it answers when the checks are done: 201, or 422 with every reason.
    """
    told = await _admit(request, caller, house, kept=True, wait=wait)
    if wait:
        response.status_code = 201
    return told


@router.post("/api/adapters/check", openapi_extra=FORM)
async def check(request: Request, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Runs every check on an adapter and keeps nothing. What would be refused is 422 with every reason."""
    return await _admit(request, caller, house, kept=False, wait=True)


async def _admit(request: Request, caller: Caller, house: House, *, kept: bool, wait: bool) -> dict[str, Any]:
    await asyncio.to_thread(house.walls.require, caller, "train")
    room = await asyncio.to_thread(house.adapters.room)
    try:
        upload = await received(request, room, house.settings.adapters.max_bytes)
        wanted = await asyncio.to_thread(_wanted, upload, caller, house, kept)
        begun = await asyncio.to_thread(house.adapters.admit, upload.source, wanted, room)
    except BaseException:
        house.adapters.leave(room)
        raise
    if wait:
        begun = await asyncio.wrap_future(house.adapters.outcome(begun.id))
    views = await asyncio.to_thread(_views, caller, house)
    told = views.admission(begun)
    if wait and begun.state == "refused":
        many = "a reason" if len(begun.reasons) == 1 else f"{len(begun.reasons)} reasons"
        said = f"The adapter was refused for {many}: {' '.join(begun.reasons)}"
        raise Unfit(said, reasons=list(begun.reasons), admission=told)
    return told


def _wanted(upload: Upload, caller: Caller, house: House, kept: bool) -> Wanted:
    matters = upload.many("matters")
    house.walls.scope(caller, matters)  # raises NotFound unless they belong to every one
    ids = {person.name: person.id for person in house.accounts.people()}
    people = upload.many("people")
    unknown = [name for name in people if name not in ids]
    if unknown:
        raise NotFound(f"There is no user {unknown[0]}.", field="people")
    return Wanted(
        upload.one("name"),
        upload.one("title"),
        frozenset(matters),
        frozenset(ids[name] for name in people),
        by=caller.id,
        scope=house.walls.whole_scope(caller),
        kept=kept,
    )


@router.get("/api/adapters/admissions/{admission}")
def admission(admission: str, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """How far the checks of an upload are: `ticks` has a line for each step."""
    scope = house.walls.whole_scope(caller)
    return Views(house, scope).admission(house.adapters.admission(admission, scope))


def _views(caller: Caller, house: House) -> Views:
    return Views(house, house.walls.whole_scope(caller))
