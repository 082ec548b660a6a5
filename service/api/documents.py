"""A matter's documents: in, out, read, and searched."""

from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, File, Form, Query, Response, UploadFile
from fastapi.responses import FileResponse, PlainTextResponse

from service.api.deps import CallerDep, HouseDep
from service.api.schemas import Removal, Search
from service.core import Filed, Passage, Scope
from service.errors import BadRequest, TooLarge
from service.retrieval import Library, amended, typed

router = APIRouter(prefix="/api", tags=["documents"])

FILES_AT_ONCE = 500

# What a browser may show by itself: nothing in these runs.
SHOWN = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpeg": "image/jpeg",
    "txt": "text/plain; charset=utf-8",
    "md": "text/plain; charset=utf-8",
    "eml": "text/plain; charset=utf-8",
}


@router.get("/matters/{matter}/documents")
def documents(matter: str, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """The documents, newest first, each with its ledger and its facts; of versions only the one that counts."""
    scope = house.walls.scope(caller, [matter])
    return {"documents": [asdict(filed) for filed in house.library.documents(scope, matter)]}


@router.post("/matters/{matter}/documents", status_code=202)
def upload(
    matter: str,
    files: Annotated[list[UploadFile], File()],
    caller: CallerDep,
    house: HouseDep,
    replaces: Annotated[str, Form(description="The document that this one file is a new version of.")] = "",
) -> dict[str, Any]:
    """Takes files in and answers at once; the list of documents tells how far each one is.

    Every file ends in a named state. A bad file never stops the others. A new version takes the old one's place when
    it has been read; until then, and if it cannot be read, the old one answers.
    """
    scope = house.walls.scope(caller, [matter])
    if len(files) > FILES_AT_ONCE:
        raise TooLarge(f"At most {FILES_AT_ONCE} files at once. Send the rest in a second upload.")
    if replaces and len(files) > 1:
        raise BadRequest("A document is replaced by one file. Send the files one by one.")
    return {"documents": [asdict(_add(house, scope, matter, file, replaces)) for file in files]}


def _add(house: HouseDep, scope: Scope, matter: str, file: UploadFile, replaces: str) -> Filed:
    # One byte more than allowed is enough for the library to say that the file is too large.
    data = file.file.read(house.settings.documents.max_bytes + 1)
    name = file.filename or "untitled"
    return house.library.add(data, name, scope, matter, scope.caller.id, replaces=replaces)


@router.post("/matters/{matter}/documents/delete")
def remove_documents(matter: str, body: Removal, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Deletes documents with their versions and what came attached to them, and says how many went."""
    scope = house.walls.scope(caller, [matter])
    removed = house.library.remove_many(body.documents, scope)
    house.datasets.mend()  # what they said is not learned any more
    return {"removed": removed}


@router.get("/documents/{document}")
def document_card(document: str, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """The document's line in the library, and what was read in it (empty until it has been read).

    `marks` are tracked changes and comments; `references` lead to the clause that they name (`target`, null when it is
    not in this document); `amends` and `amended_by` are ids.
    """
    scope = house.walls.whole_scope(caller)
    filed = house.library.get(document, scope)
    return asdict(filed) | _kin(filed, house.library, scope) | _inside(filed, house.library, scope)


def _kin(filed: Filed, library: Library, scope: Scope) -> dict[str, Any]:
    """The document's other versions, what came attached to it, what it amends and what amends it."""
    links = amended(library.documents(scope, filed.matter))
    return {
        "versions": [asdict(version) for version in library.versions(filed.id, scope)],
        "attached": [asdict(child) for child in library.attached(filed.id, scope)],
        "amends": list(links.get(filed.id, ())),
        "amended_by": [id for id, others in links.items() if filed.id in others],
    }


def _inside(filed: Filed, library: Library, scope: Scope) -> dict[str, Any]:
    if not filed.state.searchable:
        return {"page_list": [], "outline": [], "marks": [], "definitions": [], "references": []}
    document, structure = library.read(filed.id, scope), library.structure(filed.id, scope)
    headings = library.outline(filed.id, scope)
    types = typed(headings, library.clauses(filed.id, scope), len(document.text))
    return {
        "page_list": [asdict(page) | {"empty": page.empty} for page in document.pages],
        "outline": [
            {"heading": h.text, "level": h.level, "start": h.start, "page": h.page, "types": of}
            for h, of in zip(headings, types, strict=True)
        ],
        "marks": [asdict(mark) for mark in document.marks],
        "definitions": [asdict(definition) for definition in structure.definitions],
        "references": [asdict(reference) for reference in structure.references],
    }


@router.delete("/documents/{document}", status_code=204)
def remove_document(document: str, caller: CallerDep, house: HouseDep) -> None:
    """Deletes the file, its text and its index entries, with its versions and attachments: it never answers again."""
    house.library.remove(document, house.walls.whole_scope(caller))
    house.datasets.mend()


@router.post("/documents/{document}/reread", status_code=202)
def reread(document: str, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Reads the file anew: after a program that was missing has been installed, say."""
    return asdict(house.library.reread(document, house.walls.whole_scope(caller)))


@router.get("/documents/{document}/text", response_class=PlainTextResponse)
def text(document: str, caller: CallerDep, house: HouseDep) -> str:
    """The canonical text. Citations' `start` and `end` count its Unicode code points."""
    return house.library.read(document, house.walls.whole_scope(caller)).text


@router.get("/documents/{document}/file", response_class=FileResponse)
def file(document: str, caller: CallerDep, house: HouseDep, inline: bool = False) -> FileResponse:
    """The file as it came in, byte for byte; `inline` lets the browser show kinds in which nothing can run."""
    path, filed = house.library.original(document, house.walls.whole_scope(caller))
    shown = SHOWN.get(filed.kind) if inline else None
    name = quote(filed.title.rsplit("/", 1)[-1])
    headers = {"Content-Disposition": f"{'inline' if shown else 'attachment'}; filename*=UTF-8''{name}"}
    if not shown:
        headers["Content-Security-Policy"] = "sandbox"
    return FileResponse(path, media_type=shown or "application/octet-stream", headers=headers)


@router.get("/documents/{document}/pages/{number}.png", response_class=Response)
def page_picture(
    document: str,
    number: int,
    caller: CallerDep,
    house: HouseDep,
    width: Annotated[int, Query(ge=100, le=2400)] = 900,
) -> Response:
    """A picture of a page of a PDF or of a scan, `width` pixels wide."""
    picture = house.library.picture(document, number, width, house.walls.whole_scope(caller))
    return Response(picture, media_type="image/png", headers={"Cache-Control": "private, max-age=3600"})


@router.get("/documents/{document}/highlight")
def highlight(document: str, start: int, end: int, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Where a span stands on the pages: rectangles in fractions of the page, origin at the top left."""
    rectangles = house.library.rectangles(document, start, end, house.walls.whole_scope(caller))
    return {"pages": [{"number": number, "rects": rects} for number, rects in rectangles]}


@router.get("/matters/{matter}/clauses")
def clause_types(matter: str, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """The types of clause that a search can ask for, each with how many passages of the matter are of it.

    Empty where the clauses get no types. `waiting` documents have not been told theirs yet.
    """
    scope, library = house.walls.scope(caller, [matter]), house.library
    found = library.clause_types(scope, matter)
    types = [{"type": type, "passages": number} for type, number in found.items()]
    return {"types": types, "waiting": library.unlabelled(scope, matter)}


@router.post("/matters/{matter}/search")
def search(matter: str, body: Search, caller: CallerDep, house: HouseDep) -> dict[str, Any]:
    """Passages for a query, best first, each with why it was found, and what was searched.

    `exact` reads the query as words: "a phrase", AND, OR, NOT, brackets, w/5 and prefix*.
    """
    scope = house.walls.scope(caller, [matter])
    found = house.library.search(body.query, scope, body.k, filter=body.filter.made(), exact=body.exact)
    return {"passages": [_passage(p) for p in found.passages], "coverage": asdict(found.coverage)}


def _passage(passage: Passage) -> dict[str, Any]:
    values = asdict(passage)
    del values["id"], values["path"]
    return values | {"heading": passage.heading}
