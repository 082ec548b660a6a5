"""Fine-tunes: launched by trainers, watched by whoever belongs to their matters, approved by somebody else."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse, StreamingResponse

from service.api.deps import CallerDep, HouseDep
from service.api.house import House
from service.api.job_views import JobViews
from service.api.schemas import JobReason, NewExport, NewJob
from service.core import Caller, Scope
from service.errors import NotFound
from service.training import FIELDS, PRESETS, Job, Shape, TrainSpec

router = APIRouter(prefix="/api", tags=["fine-tunes"])

SAID = {
    "smoke": "A few steps, a minute or two: shows that everything works, and teaches little.",
    "quick": "Every row once, half an hour at most.",
    "standard": "Every row three times, or until the held-out loss no longer falls.",
    "thorough": "A larger adapter and slower steps, with more against forgetting.",
}
LOOK = 0.5  # seconds between two looks for new lines of a stream


@router.get("/jobs")
def jobs(caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Every run over one's matters, the newest first, and how many are in line."""
    scope = _scope(caller, house)
    views = JobViews(house, scope)
    queued, running = house.training.waiting()
    listed = [views.card(job) for job in house.training.jobs(scope)]
    return {"jobs": listed, "queued": queued, "running": running}


@router.post("/jobs", status_code=201)
def launch(body: NewJob, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Puts a run in line. What nothing can be learned from is 422 with every reason."""
    scope = _scope(caller, house)
    return JobViews(house, scope).whole(house.training.launch(_spec(body, house), scope))


@router.get("/recipes")
def recipes(caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """The presets, each with a sentence, and every field of a recipe with its bounds."""
    house.walls.require(caller, "train")
    presets = {
        name: {"said": SAID.get(name, ""), "recipe": asdict(recipe)} for name, recipe in PRESETS.items()
    }
    return {"presets": presets, "fields": [asdict(field) for field in FIELDS]}


@router.post("/jobs/preflight")
def preflight(body: NewJob, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """What a run would be: tokens, steps, a forecast of time and memory, and the first batch as the model will see it.

    `spans` of a row that count are those that the loss is taken from. What nothing can be learned from is 422.
    """
    scope = _scope(caller, house)
    found, looked = house.training.preflight(_spec(body, house), scope)
    counts, dropped = dict(looked.counts), dict(looked.dropped)
    return asdict(found) | {"counts": counts, "dropped": dropped, "remarks": list(looked.remarks)}


@router.get("/jobs/{number}")
def job(number: int, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """One run: its recipe, where it stands, what was done with it and by whom, and what one may do with it."""
    found, scope = _found(number, caller, house)
    return JobViews(house, scope).whole(found)


@router.get("/jobs/{number}/events", response_model=None)
async def events(
    number: int,
    request: Request,
    caller: CallerDep,
    house: HouseDep,
    after: Annotated[int, Query(ge=0, description="`next` of the reply before.")] = 0,
) -> Response | dict[str, Any]:
    """The lines of its progress from a place on; as a stream, until it ends, where `text/event-stream` is asked for."""
    found, scope = await asyncio.to_thread(_found, number, caller, house)
    if "text/event-stream" in request.headers.get("accept", ""):
        return StreamingResponse(_streamed(house, found, scope, after), media_type="text/event-stream")
    lines, next = await asyncio.to_thread(house.training.events, found, after)
    return {"lines": lines, "next": next, "state": found.state.value}


@router.get("/jobs/{number}/curve")
def curve(number: int, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """All of its progress, a line a step, to be drawn; of a run that went on from a checkpoint the last word."""
    found, _ = _found(number, caller, house)
    return {"lines": house.training.curve(found), "state": found.state.value}


@router.get("/jobs/{number}/report")
def report(number: int, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """What the examination found, with the best and the worst answers."""
    found, _ = _found(number, caller, house)
    if found.report is None:
        raise NotFound(f"Run {number} has no report: it is {found.state}.")
    return dict(found.report)


@router.get("/jobs/{number}/log", response_class=PlainTextResponse)
def log(number: int, caller: CallerDep, house: HouseDep) -> str:
    """The end of what its process said."""
    found, _ = _found(number, caller, house)
    return house.training.log(found)


@router.post("/jobs/{number}/cancel")
def cancel(number: int, body: JobReason, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Takes a run out of the line, or ends it within 15 seconds; its last checkpoint is kept."""
    found, scope = _found(number, caller, house)
    return JobViews(house, scope).whole(house.training.cancel(found, caller.id, body.reason))


@router.post("/jobs/{number}/resume")
def resume(number: int, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Puts a run that stopped or failed in line again; it goes on from its last checkpoint."""
    found, scope = _found(number, caller, house)
    return JobViews(house, scope).whole(house.training.resume(found, caller.id))


@router.post("/jobs/{number}/approve")
def approve(number: int, body: JobReason, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Publishes what a run has made. Where the gate is not passed, `reason` must say why; it is recorded."""
    found, scope = _found(number, caller, house)
    return JobViews(house, scope).whole(house.training.approve(found, scope, body.reason))


@router.post("/jobs/{number}/decline")
def decline(number: int, body: JobReason, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Leaves what is published as it is."""
    found, scope = _found(number, caller, house)
    return JobViews(house, scope).whole(house.training.decline(found, caller, body.reason))


@router.post("/jobs/{number}/exports", status_code=202)
def export(number: int, body: NewExport, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Makes what the run has made ready to be carried elsewhere: minutes. It is loaded again and weighed first."""
    found, scope = _found(number, caller, house)
    return asdict(house.training.export(found, body.form, scope, caller.id))


@router.get("/jobs/{number}/exports/{form}")
def exported(number: int, form: Shape, caller: CallerDep, house: HouseDep) -> FileResponse:
    """The zip of an export that is ready, with its card."""
    found, _ = _found(number, caller, house)
    file = house.training.exported(found, form)
    name = f"{found.order.name}-v{found.version}-{form}.zip"
    return FileResponse(file, filename=name, media_type="application/zip")


def _spec(body: NewJob, house: House) -> TrainSpec:
    ids = {person.name: person.id for person in house.accounts.people()}
    unknown = [name for name in body.people if name not in ids]
    if unknown:
        raise NotFound(f"There is no user {unknown[0]}.", field="people")
    return body.made(frozenset(ids[name] for name in body.people))


async def _streamed(house: House, job: Job, scope: Scope, after: int) -> AsyncIterator[str]:
    while True:
        found = await asyncio.to_thread(house.training.job, job.number, scope)
        lines, after = await asyncio.to_thread(house.training.events, found, after)
        for line in lines:
            yield f"data: {json.dumps(line)}\n\n"
        if not (found.state.works or found.state == "queued"):
            yield f"data: {json.dumps({'state': found.state.value, 'next': after})}\n\n"
            return
        await asyncio.sleep(LOOK)


def _scope(caller: Caller, house: House) -> Scope:
    house.walls.require(caller, "train")
    return house.walls.whole_scope(caller)


def _found(number: int, caller: Caller, house: House) -> tuple[Job, Scope]:
    scope = _scope(caller, house)
    return house.training.job(number, scope), scope
