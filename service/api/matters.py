"""Matters, their members, their documents, and search in them."""

from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, File, Query, Response, UploadFile
from fastapi.responses import FileResponse, PlainTextResponse

from service.api.deps import CallerDep, HouseDep
from service.api.schemas import MatterName, Search
from service.core import Filed, Scope
from service.errors import TooLarge

router = APIRouter(prefix="/api", tags=["matters"])

FILES_AT_ONCE = 500


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


# --- documents ---------------------------------------------------------------------------------------------


@router.get("/matters/{matter}/documents")
def documents(matter: str, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    scope = house.walls.scope(caller, [matter])
    return {"documents": [asdict(filed) for filed in house.library.documents(scope, matter)]}


@router.post("/matters/{matter}/documents", status_code=202)
def upload(
    matter: str, files: Annotated[list[UploadFile], File()], caller: CallerDep, house: HouseDep
) -> dict[str, Any]:
    """Takes files in and answers at once; the list of documents tells how far each one is.

    Every file ends in a named state. A bad file never stops the others.
    """
    scope = house.walls.scope(caller, [matter])
    if len(files) > FILES_AT_ONCE:
        raise TooLarge(f"At most {FILES_AT_ONCE} files at once. Send the rest in a second upload.")
    return {"documents": [asdict(_add(house, scope, matter, file)) for file in files]}


def _add(house: HouseDep, scope: Scope, matter: str, file: UploadFile) -> Filed:
    # One byte more than allowed is enough for the library to say that the file is too large.
    data = file.file.read(house.settings.documents.max_bytes + 1)
    return house.library.add(data, file.filename or "untitled", scope, matter, scope.caller.id)


@router.get("/documents/{document}")
def document_card(document: str, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """The document's line in the library with its pages and its outline (both empty until it has been read)."""
    scope = house.walls.whole_scope(caller)
    filed = house.library.get(document, scope)
    card: dict[str, Any] = asdict(filed) | {"page_list": [], "outline": []}
    if filed.state.searchable:
        read = house.library.read(document, scope)
        card["page_list"] = [asdict(page) | {"empty": page.empty} for page in read.pages]
        card["outline"] = [
            {"heading": h.text, "level": h.level, "start": h.start, "page": h.page}
            for h in house.library.outline(document, scope)
        ]
    return card


@router.delete("/documents/{document}", status_code=204)
def remove_document(document: str, caller: CallerDep, house: HouseDep) -> None:
    """Deletes the file, its text and its index entries: it never answers again."""
    house.library.remove(document, house.walls.whole_scope(caller))


@router.get("/documents/{document}/text", response_class=PlainTextResponse)
def text(document: str, caller: CallerDep, house: HouseDep) -> str:
    """The canonical text. Citations' `start` and `end` count its Unicode code points."""
    return house.library.read(document, house.walls.whole_scope(caller)).text


@router.get("/documents/{document}/file", response_class=FileResponse)
def file(document: str, caller: CallerDep, house: HouseDep) -> FileResponse:
    """The file as it came in, byte for byte."""
    path, filed = house.library.original(document, house.walls.whole_scope(caller))
    name = quote(filed.title.rsplit("/", 1)[-1])
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "Content-Security-Policy": "sandbox",
    }
    return FileResponse(path, media_type="application/octet-stream", headers=headers)


@router.get("/documents/{document}/pages/{number}.png", response_class=Response)
def page_picture(
    document: str,
    number: int,
    caller: CallerDep,
    house: HouseDep,
    width: Annotated[int, Query(ge=100, le=2400)] = 900,
) -> Response:
    """A picture of a PDF's page, `width` pixels wide."""
    picture = house.library.picture(document, number, width, house.walls.whole_scope(caller))
    return Response(picture, media_type="image/png", headers={"Cache-Control": "private, max-age=3600"})


@router.get("/documents/{document}/highlight")
def highlight(document: str, start: int, end: int, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Where a span stands on a PDF's pages: rectangles in fractions of the page, origin at the top left."""
    rectangles = house.library.rectangles(document, start, end, house.walls.whole_scope(caller))
    return {"pages": [{"number": number, "rects": rects} for number, rects in rectangles]}


@router.post("/matters/{matter}/search")
def search(matter: str, body: Search, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Passages for a query, best first, and what was searched."""
    found = house.library.search(body.query, house.walls.scope(caller, [matter]), body.k)
    passages = [
        {
            "document": p.document,
            "title": p.title,
            "start": p.start,
            "end": p.end,
            "text": p.text,
            "page": p.page,
            "heading": p.heading,
            "score": p.score,
        }
        for p in found.passages
    ]
    return {"passages": passages, "coverage": asdict(found.coverage)}
