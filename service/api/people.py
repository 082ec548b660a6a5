"""Signing in, users, keys, and the house's state."""

from typing import Any

from fastapi import APIRouter, Request, Response

from service import __version__
from service.access import Person
from service.api.deps import COOKIE, CallerDep, HouseDep, token
from service.api.schemas import Login, NewKey, NewUser, Password, UserChange
from service.core import Caller
from service.errors import NotReady

router = APIRouter(prefix="/api", tags=["people"])


@router.post("/login")
def login(body: Login, house: HouseDep, response: Response) -> dict[str, Any]:
    """Signs a person in: sets the session cookie, and returns the same token for programs."""
    signed = house.accounts.sign_in(body.name, body.password)
    serve = house.settings.serve
    response.set_cookie(
        COOKIE,
        signed.token,
        max_age=serve.session_hours * 3600,
        httponly=True,
        samesite="strict",
        secure=serve.secure_cookie,
    )
    return {"user": _caller(signed.caller), "token": signed.token, "expires": signed.expires}


@router.post("/logout", status_code=204)
def logout(request: Request, house: HouseDep, response: Response) -> None:
    house.accounts.sign_out(token(request))
    response.delete_cookie(COOKIE)


@router.get("/me")
def me(caller: CallerDep) -> dict[str, Any]:
    return _caller(caller)


@router.post("/me/password", status_code=204)
def change_password(body: Password, caller: CallerDep, house: HouseDep) -> None:
    """Changes one's own password and ends one's sessions."""
    house.accounts.change_own_password(caller, body.old, body.new)


@router.get("/status")
def status(caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """What the status bar shows: the base model, the engine's load, and whether anything is dialled."""
    return {
        "ready": house.stage == "ready",
        "stage": house.stage,
        "engine": _engine(house),
        "offline": house.settings.offline,
        "version": __version__,
    }


@router.get("/users")
def users(caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    house.walls.require(caller, "administer")
    return {"users": [_person(person) for person in house.accounts.people()]}


@router.post("/users", status_code=201)
def add_user(body: NewUser, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    house.walls.require(caller, "administer")
    password = house.accounts.add(body.name, body.role, body.password)
    return {"name": body.name, "role": body.role, "password": password}


@router.patch("/users/{name}")
def change_user(name: str, body: UserChange, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    house.walls.require(caller, "administer")
    return _person(
        house.accounts.change(name, role=body.role, disabled=body.disabled, password=body.password)
    )


@router.get("/keys")
def keys(caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """One's keys; `used` is 0 for one that never was."""
    return {
        "keys": [
            {"id": key.id, "name": key.name, "created": key.created, "used": key.used}
            for key in house.accounts.keys(caller)
        ]
    }


@router.post("/keys", status_code=201)
def add_key(body: NewKey, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """A bearer key for programs. It is shown this once."""
    key, secret = house.accounts.add_key(caller.name, body.name)
    return {"id": key, "name": body.name, "key": secret}


@router.delete("/keys/{key}", status_code=204)
def remove_key(key: str, caller: CallerDep, house: HouseDep) -> None:
    house.accounts.remove_key(caller, key)


def _caller(caller: Caller) -> dict[str, Any]:
    return {"id": caller.id, "name": caller.name, "role": caller.role}


def _person(person: Person) -> dict[str, Any]:
    return {"name": person.name, "role": person.role, "disabled": person.disabled, "created": person.created}


def _engine(house: HouseDep) -> dict[str, Any] | None:
    try:
        info, load = house.engine.info, house.engine.load()
    except NotReady:
        return None
    return {
        "model": info.model,
        "engine": info.engine,
        "threads": info.threads,
        "context": info.context,
        "slots": info.slots,
        "running": load.running,
        "waiting": load.waiting,
        "tokens_per_second": load.tokens_per_second,
        "first_token_seconds": load.first_token_seconds,
    }
