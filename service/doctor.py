"""What `privity doctor` looks at: the parts of an installation, and the time each takes to start."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from service.config import Settings

if TYPE_CHECKING:
    from service.adapters import Survey

ADAPTERS = Path(__file__).parent.parent / "adapters"


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    ok: bool
    result: str
    seconds: float


def examine(settings: Settings) -> Iterator[Check]:
    """Each check in the order of a start; one that fails says why and what to do."""
    from service.offline import go_offline

    go_offline()
    yield _timed("home folder", lambda: _home(settings))
    yield _timed("BentoML", lambda: _version("bentoml"))
    yield _timed("page (gradio)", lambda: _version("gradio"))
    yield _timed("index (chromadb)", lambda: _version("chromadb"))
    yield _timed("database", lambda: _database(settings))
    yield _timed("base model", lambda: _base(settings))
    yield _timed("engine", lambda: _engine(settings))
    yield _timed("engine's limits", lambda: _limits(settings))
    yield _timed("adapters", lambda: _adapters(settings))
    yield _timed("embedder", lambda: _embedder(settings))
    yield _timed("clause types", lambda: _clause_types(settings))
    yield _timed("evidence", lambda: _evidence(settings))
    yield _timed("fine-tunes", lambda: _training(settings))
    yield _timed("personal data", lambda: _masking(settings))
    yield _timed("text recognition", lambda: _program("tesseract", "scans and pictures stay without text"))
    yield _timed("Word 97 files", lambda: _program("soffice", "DOC files are not read"))


def _timed(name: str, check: Callable[[], str]) -> Check:
    started = time.monotonic()
    try:
        ok, result = True, check()
    except Exception as error:
        ok, result = False, f"{type(error).__name__}: {error}"
    return Check(name, ok, result, time.monotonic() - started)


def _home(settings: Settings) -> str:
    import shutil

    settings.home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.home).free / 2**30
    if free < 1:
        raise RuntimeError(f"only {free:.1f} GiB free; make room before you add documents")
    return f"{settings.home}, {free:.0f} GiB free"


def _version(package: str) -> str:
    from importlib import import_module
    from importlib.metadata import version

    import_module(package)
    return version(package)


def _database(settings: Settings) -> str:
    from service.storage import Database

    Database(settings.home / "privity.db").close()
    return "schema up to date"


def _base(settings: Settings) -> str:
    from service.engines import prepare

    files = prepare(settings.base.model, settings.home / "models")
    weights = [files.gguf] if files.gguf else sorted((files.folder or settings.home).glob("*.safetensors"))
    size = sum(file.stat().st_size for file in weights) / 2**20
    return f"{files.name}, {size:.0f} MiB, {files.fingerprint[:12]}"


def _engine(settings: Settings) -> str:
    from service.engines import choose, open_engine

    why = choose(settings).why
    engine = open_engine(settings)
    info = engine.info
    engine.close()
    return f"{info.engine}, for {why}; {info.threads} threads, {info.slots} slots of {info.context} tokens"


def _limits(settings: Settings) -> str:
    from service.engines import choose

    return choose(settings).lacks


SERVED = {
    "llama.cpp": "llama.cpp serves both forms, an adapter at a time",
    "torch": "torch serves PEFT's form, several at once",
    "upstream": "the upstream server serves PEFT's form if it is a vLLM with LoRA",
}


def _adapters(settings: Settings) -> str:
    """How many there are and how they are served. Raises RuntimeError with every reason where one is at fault."""
    from service import engines
    from service.adapters import facts_of_folder, refusals, survey
    from service.retrieval import EMBEDDER, model_folder
    from service.storage import Database

    files = engines.prepare(settings.base.model, settings.home / "models")
    bases = [engines.base_facts(files), facts_of_folder(model_folder(), EMBEDDER)]
    database = Database(settings.home / "privity.db")
    try:
        found = survey(settings.home, database, bases)
    finally:
        database.close()
    kind = engines.choose(settings).kind
    if faults := [*_refused(refusals(ADAPTERS, bases)), *_unserved(found, kind)]:
        raise RuntimeError("; ".join(faults))
    refused = (
        f"{found.uploads_refused} uploads refused in the last 30 days; " if found.uploads_refused else ""
    )
    return (
        f"{found.names} names, {found.versions} versions, {found.published} published; {found.kept / 1e6:.1f} MB "
        f"kept, {found.converted / 1e6:.1f} of them converted for llama.cpp; {refused}{SERVED[kind]}"
    )


def _refused(folders: Mapping[str, Sequence[str]]) -> list[str]:
    return [f"the folder {name} is refused: {' '.join(reasons)}" for name, reasons in folders.items()]


def _unserved(found: "Survey", kind: str) -> list[str]:
    faults = [f"the files of {name} are gone, upload it again" for name in found.missing]
    faults += [f"{name} was made for another base" for name in found.misfits]
    if kind != "llama.cpp":
        faults += [f"{name} is a GGUF, which the {kind} engine does not serve" for name in found.gguf_only]
    return faults


def _embedder(settings: Settings) -> str:
    from service.retrieval import Embedder

    rows = Embedder.configured(settings.search).embed(["a lease"])
    return f"{rows.shape[1]} dimensions, adapter {settings.search.adapter or 'none'}"


def _clause_types(settings: Settings) -> str:
    from service.retrieval import Embedder, clause_head

    return clause_head(Embedder.configured(settings.search), settings)[1]


def _evidence(settings: Settings) -> str:
    from service.retrieval import evidence_reader

    reader, told = evidence_reader(settings.search)
    if reader:
        reader.read("Who keeps the roof?", ["The Landlord keeps the roof."])
    return told


def _training(settings: Settings) -> str:
    """What would train, and where; and what is in line."""
    from importlib.metadata import version

    from service.engines import has_cuda
    from service.storage import Database
    from service.training import waiting

    where = settings.training.device
    if where == "auto":
        where = "cuda" if has_cuda() else "cpu"
    elif where == "cuda" and not has_cuda():
        raise RuntimeError(
            "training.device is cuda, and torch sees no GPU; set it to auto, or mend the driver"
        )
    database = Database(settings.home / "privity.db")
    queued, running = waiting(database)
    database.close()
    threads = f" with {settings.training.threads} threads" if where == "cpu" else ""
    trainer = f"trl {version('trl')}, peft {version('peft')}"
    return f"{trainer}, on {where}{threads}; {queued} in line, {running} at work"


def _masking(settings: Settings) -> str:
    """What finds the personal data that is to be masked, and what it cannot find here."""
    from importlib.metadata import version

    from service.training import lacks

    told = lacks(settings.training)
    if settings.training.masking == "own":
        return "found by form and checksum"
    return f"presidio {version('presidio-analyzer')}, {told or settings.training.masking_model}"


PACKAGES = {"tesseract": "tesseract-ocr", "soffice": "libreoffice-writer-nogui"}


def _program(name: str, otherwise: str) -> str:
    """A program that Privity does without: its place, or what is missed and how to get it."""
    import shutil

    found = shutil.which(name)
    return found or f"not installed, so {otherwise}; on Debian: apt-get install {PACKAGES[name]}"
