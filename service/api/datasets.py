"""Data sets: rows from files, documents and corrections, looked through by somebody, and what was learned from them.

For trainers and admins who belong to every matter that the rows came from; to anybody else there is no such data set.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Query, UploadFile

from service.api.deps import CallerDep, HouseDep
from service.api.house import House
from service.api.schemas import Collecting, Decision, NewDataset, NewRow, RowChange, Wanted
from service.config import Training
from service.core import Caller, Generation, Message, Sampling, Scope
from service.errors import BadRequest, TooLarge
from service.training import (
    RULES,
    Added,
    Card,
    Columns,
    Finder,
    Kept,
    Kind,
    Lineages,
    Proposing,
    Provenance,
    Review,
    Row,
    Wish,
    covered,
    finder,
    guess,
    lacks,
    masked,
    read_sheet,
    taken,
)

router = APIRouter(prefix="/api", tags=["data sets"])

MOST = 64 * 2**20  # bytes of a file with rows
SHOWN = 20  # rows of a preview
CELL = 1000  # characters of a cell in it
WORDS = 60  # tokens of a question that the model writes


# --- data sets ---------------------------------------------------------------------------------------------


@router.get("/datasets")
def datasets(caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Every data set over one's matters, the newest first, with its rows counted."""
    names = _names(house)
    return {"datasets": [_card(card, names) for card in house.datasets.cards(_scope(caller, house))]}


@router.post("/datasets", status_code=201)
def open_dataset(body: NewDataset, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Opens an empty one. `matters` are those whose papers its rows will be of: they are the wall around it."""
    card = house.datasets.open(body.name, body.kind, _scope(caller, house), body.matters, body.note)
    return _card(card, _names(house))


@router.get("/datasets/rules")
def rules(caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """What documents can be asked by themselves: each rule with what it finds and how it asks."""
    house.walls.require(caller, "train")
    return {
        "rules": [{"name": rule.name, "says": rule.says, "questions": list(rule.questions)} for rule in RULES]
    }


@router.post("/datasets/preview")
def preview(
    file: Annotated[UploadFile, File(description="CSV, TSV, XLSX, JSON or JSON lines.")],
    caller: CallerDep,
    house: HouseDep,
    kind: Annotated[Kind, Form(description="What the rows are for.")] = "answers",
) -> dict[str, Any]:
    """Reads a file and keeps nothing: its columns, its first rows, what the columns seem to hold, and what was odd."""
    house.walls.require(caller, "train")
    sheet = read_sheet(_read(file), file.filename or "")
    first = [{name: cell[:CELL] for name, cell in record.items()} for record in sheet.records[:SHOWN]]
    return {
        "columns": list(sheet.columns),
        "rows": first,
        "records": len(sheet.records),
        "mapping": asdict(guess(sheet, kind)),
        "problems": _counted(sheet.problems),
    }


@router.get("/datasets/{dataset}")
def dataset(dataset: str, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    return _card(house.datasets.card(dataset, _scope(caller, house)), _names(house))


@router.delete("/datasets/{dataset}", status_code=204)
def remove_dataset(dataset: str, caller: CallerDep, house: HouseDep) -> None:
    """Deletes it with its rows. What was trained on them stays, and its lineage with it."""
    house.datasets.remove(dataset, _scope(caller, house))


# --- rows --------------------------------------------------------------------------------------------------


@router.get("/datasets/{dataset}/rows")
def rows(
    dataset: str,
    caller: CallerDep,
    house: HouseDep,
    state: Annotated[str, Query(description="proposed, accepted or rejected; all unless given.")] = "",
    origin: Annotated[str, Query(description="upload, rule, model, correction, thumb or person.")] = "",
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> dict[str, Any]:
    """A page of its rows, the newest first, each with where it came from; `total` counts them all."""
    names = _names(house)
    found, total = house.datasets.rows(dataset, _scope(caller, house), state, offset, limit, origin)
    return {"rows": [_row(kept, names) for kept in found], "total": total}


@router.post("/datasets/{dataset}/rows", status_code=201)
def add_row(dataset: str, body: NewRow, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Adds a row by hand; it counts as accepted. 422 says why nothing could be learned from it."""
    source = Provenance("person", person=caller.id)
    row = Row(body.question, body.context, body.answer, body.label, source)
    return _added(house.datasets.add(dataset, [row], "accepted", _scope(caller, house)))


@router.patch("/datasets/{dataset}/rows/{row}")
def change_row(dataset: str, row: str, body: RowChange, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Accepts, rejects or edits a row. What cannot be learned from is not accepted: 422 says why."""
    values = {name: value for name, value in body.model_dump().items() if value is not None}
    return _row(house.datasets.change(dataset, row, _scope(caller, house), **values), _names(house))


@router.post("/datasets/{dataset}/decide")
def decide(dataset: str, body: Decision, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Accepts or rejects all proposed rows, or of them only `rows`, or those of a `rule`; tells how many, and what
    could not be accepted."""
    only = None if body.rows is None else set(body.rows)
    done = house.datasets.decide(dataset, body.state, _scope(caller, house), only, body.rule)
    return {"decided": done.added, "dropped": _counted(done.dropped)}


@router.post("/datasets/{dataset}/mask")
def mask(dataset: str, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Puts placeholders for e-mail addresses, telephone, bank, card and insurance numbers in all its rows, for good,
    and with `training.masking` for what presidio finds; `told` says what could not be looked for."""
    scope, found = _scope(caller, house), Counter[str]()
    finds = _finds(house)

    def cover(row: Row) -> Row:
        made, counts = covered(row, finds)
        found.update(counts)
        return made

    changed = house.datasets.rewrite(dataset, scope, cover)
    return {"rows": changed, "found": found, "told": lacks(house.settings.training)}


@router.post("/datasets/{dataset}/import")
def import_rows(
    dataset: str,
    file: Annotated[UploadFile, File(description="CSV, TSV, XLSX, JSON or JSON lines.")],
    caller: CallerDep,
    house: HouseDep,
    mapping: Annotated[str, Form(description="Which column holds what, as JSON; a guess unless given.")] = "",
    mask: Annotated[bool, Form(description="Put placeholders for personal data.")] = False,
) -> dict[str, Any]:
    """Takes a file's rows in as accepted, each once, and counts what was left out by reason."""
    scope = _scope(caller, house)
    kind = house.datasets.card(dataset, scope).kind
    sheet = read_sheet(_read(file), file.filename or "")
    columns = _columns(mapping) if mapping else guess(sheet, kind)
    found = taken(sheet, columns, kind, caller.id)
    finds = _finds(house, mask)
    new = [masked(row, finds) for row in found.rows] if mask else found.rows
    added = house.datasets.add(dataset, new, "accepted", scope)
    return _added(added + Added(dropped=found.dropped))


@router.post("/datasets/{dataset}/propose")
async def propose(dataset: str, body: Wanted, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Puts rows from a matter's documents into a data set, to be looked through: those of the rules, questions that the
    passages do not answer, and with `written` questions of the model's that search leads back from."""
    scope = await asyncio.to_thread(_scope, caller, house)
    within = await asyncio.to_thread(house.walls.scope, caller, [body.matter])
    wish = Wish(body.matter, tuple(body.rules), body.unanswerable, body.written, body.mask)
    loop = asyncio.get_running_loop()
    engine = house.engine if body.written else None  # raises NotReady

    async def said(messages: Sequence[Message]) -> str:
        assert engine is not None
        asked = Generation(
            tuple(messages),
            sampling=Sampling(WORDS),
            salt=within.salt,
            owner=caller.id,
            priority="background",
        )
        return "".join([piece.text async for piece in await engine.submit(asked)])

    def ask(messages: Sequence[Message]) -> str:
        return asyncio.run_coroutine_threadsafe(said(messages), loop).result()

    finds = await asyncio.to_thread(_finds, house, body.mask)
    work = Proposing(house.datasets, house.library, finds)
    found = await asyncio.to_thread(work.propose, dataset, wish, scope, within, ask if body.written else None)
    return {
        "proposed": found.added.added,
        "duplicates": found.added.duplicates,
        "dropped": _counted(found.added.dropped),
        "documents": found.documents,
        "unread": found.unread,
        "written": asdict(found.tally),
    }


# --- what lawyers thought ----------------------------------------------------------------------------------


@router.get("/review")
def review(matter: str, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """What waits to be looked through in a matter: thoughts on answers that no data set has, and proposed rows."""
    names = _names(house)
    queue = Review(house.datasets, house.library).queue(matter, _scope(caller, house))
    listed = [_row(kept, names) | {"name": queue.names[kept.dataset]} for kept in queue.rows]
    return {"corrections": queue.corrections, "proposed": queue.proposed, "rows": listed}


@router.post("/review/collect")
def collect(body: Collecting, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Takes corrections and thumbs on answers in a matter into a data set, as proposed rows."""
    scope, within = _scope(caller, house), house.walls.scope(caller, [body.matter])
    work = Review(house.datasets, house.library, _finds(house, body.mask))
    return _added(work.collect(body.dataset, body.matter, scope, within, mask=body.mask))


# --- lineage -----------------------------------------------------------------------------------------------


@router.get("/lineage")
def lineage(
    caller: CallerDep,
    house: HouseDep,
    document: Annotated[
        list[str] | None,
        Query(max_length=200, description="What learned from these, their versions and attachments."),
    ] = None,
    job: Annotated[int | None, Query(description="What a run learned from, and what it made.")] = None,
    adapter: Annotated[str, Query(description="What an adapter's versions learned from.")] = "",
) -> dict[str, Any]:
    """What was learned from what, either way; `told` says in a sentence what deleting the documents does not undo."""
    scope, lines = house.walls.whole_scope(caller), Lineages(house.datasets.database)
    if [bool(document), job is not None, bool(adapter)].count(True) != 1:
        raise BadRequest("Name one of document, job and adapter.")
    if document:
        versions = [version for one in document for version in house.library.versions(one, scope)]
        attached = [file for one in versions for file in house.library.attached(one.id, scope)]
        found = lines.of_documents({file.id for file in (*versions, *attached)}, scope)
    elif job is not None:
        found = lines.of_run(job, scope)
    else:
        found = lines.of_adapter(adapter, scope)
    return asdict(found) | {"told": found.told(len(document)) if document else ""}


# --- inside ------------------------------------------------------------------------------------------------


def _finds(house: House, wanted: bool = True) -> Finder:
    """What finds personal data; where none is to be masked, nothing is loaded for it."""
    return finder(house.settings.training if wanted else Training())


def _scope(caller: Caller, house: House) -> Scope:
    house.walls.require(caller, "train")
    return house.walls.whole_scope(caller)


def _read(file: UploadFile) -> bytes:
    data = file.file.read(MOST + 1)
    if len(data) > MOST:
        raise TooLarge(f"A file with rows has at most {MOST // 2**20} MiB. Send it in parts.")
    return data


def _columns(mapping: str) -> Columns:
    try:
        given = json.loads(mapping)
        return Columns(**{part: str(name or "") for part, name in given.items()})
    except (ValueError, TypeError, AttributeError):
        raise BadRequest(
            "`mapping` is a JSON object that names a column for each part.", field="mapping"
        ) from None


def _names(house: House) -> dict[str, str]:
    return {person.id: person.name for person in house.accounts.people()}


def _card(card: Card, names: dict[str, str]) -> dict[str, Any]:
    told = asdict(card)
    return told | {"matters": sorted(card.matters), "by": names.get(card.by, "")}


def _row(kept: Kept, names: dict[str, str]) -> dict[str, Any]:
    row, source = kept.row, kept.row.source
    return {
        "id": kept.id,
        "dataset": kept.dataset,
        "state": kept.state,
        "question": row.question,
        "context": row.context,
        "answer": row.answer,
        "label": row.label,
        "origin": source.origin,
        "document": source.document,
        "start": source.start,
        "end": source.end,
        "title": source.title,
        "group": source.group,
        "rule": source.rule,
        "by": names.get(source.person, ""),
        "edited_by": names.get(kept.edited_by, ""),
        "at": kept.at,
    }


def _added(added: Added) -> dict[str, Any]:
    return {"added": added.added, "duplicates": added.duplicates, "dropped": _counted(added.dropped)}


def _counted(reasons: Any) -> list[dict[str, Any]]:
    return [{"reason": reason, "count": count} for reason, count in reasons.items()]
