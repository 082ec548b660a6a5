"""Matters and their members."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from service.api.deps import CallerDep, HouseDep
from service.api.schemas import MatterName

router = APIRouter(prefix="/api", tags=["matters"])


@router.get("/matters")
def matters(caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    return {"matters": [asdict(card) for card in house.walls.cards(caller)]}


@router.post("/matters", status_code=201)
def open_matter(body: MatterName, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Opens a matter. Whoever opens it is its first member."""
    return asdict(house.walls.open_matter(caller, body.name))


@router.get("/matters/{matter}")
def matter_card(matter: str, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    return asdict(house.walls.card(caller, matter))


@router.patch("/matters/{matter}")
def rename_matter(matter: str, body: MatterName, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    return asdict(house.walls.rename(caller, matter, body.name))


@router.delete("/matters/{matter}", status_code=204)
def close_matter(matter: str, caller: CallerDep, house: HouseDep) -> None:
    """Deletes the matter with its documents, its index and its conversations."""
    scope = house.walls.scope(caller, [matter])
    house.library.remove_matter(matter, scope)
    house.conversations.clear(matter, scope)
    house.walls.close_matter(caller, matter)


# --- members -----------------------------------------------------------------------------------------------


@router.get("/matters/{matter}/members")
def members(matter: str, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    return {
        "members": [{"id": m.id, "name": m.name, "role": m.role} for m in house.walls.members(caller, matter)]
    }


@router.put("/matters/{matter}/members/{name}", status_code=204)
def admit(matter: str, name: str, caller: CallerDep, house: HouseDep) -> None:
    house.walls.admit(caller, matter, name)


@router.delete("/matters/{matter}/members/{name}", status_code=204)
def dismiss(matter: str, name: str, caller: CallerDep, house: HouseDep) -> None:
    house.walls.dismiss(caller, matter, name)
