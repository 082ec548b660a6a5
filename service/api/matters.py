"""Matters and their members."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from service.api.deps import CallerDep, HouseDep
from service.api.house import House
from service.api.schemas import MatterAdapter, MatterName
from service.core import Caller
from service.errors import Conflict, NotFound

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
    """The matter; `adapter` is what answers in it unless a question says, null for the base."""
    return asdict(house.walls.card(caller, matter)) | {"adapter": _adapter(matter, caller, house)}


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
    house.datasets.mend()
    house.training.forget()


@router.put("/matters/{matter}/adapter")
def fix_adapter(matter: str, body: MatterAdapter, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Makes an adapter the one that answers in this matter unless a question names another; null takes it away."""
    house.adapters.fix(matter, body.name or "", house.walls.scope(caller, [matter]))
    return matter_card(matter, caller, house)


def _adapter(matter: str, caller: Caller, house: House) -> str | None:
    """The matter's own adapter, if this person may use it."""
    scope = house.walls.scope(caller, [matter])
    name = house.adapters.fixed(scope)
    try:
        return house.adapters.resolve(name, scope).name if name else None
    except (NotFound, Conflict):
        return None


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
