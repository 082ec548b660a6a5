"""The one door: whatever comes in goes through the same checks, one adapter at a time, in a thread of its own.

A step after the next, each told as soon as it is done. What is refused leaves nothing behind but its reasons.
"""

import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from service.adapters.admission import Admission, Wanted
from service.adapters.archive import Limits
from service.adapters.books import SHIPPED, Books, Walled
from service.adapters.checks import vet
from service.adapters.convert import convert
from service.adapters.digest import write
from service.adapters.findings import AdapterFacts, Check, Kind, Passed
from service.adapters.naming import convertible
from service.adapters.shelf import Quarantine, Shelf, leave
from service.core import Adapter, BaseFacts, LoraFile, ProbeReport
from service.errors import BadRequest, Busy, NotFound, PrivityError

log = logging.getLogger("privity.adapters")

WAITING = 16  # admissions that may stand in line
CHECKED = 64  # outcomes that are remembered, beside what is in the books
UNKNOWN = "There is no such admission among yours."
KNOWN = "These weights came in before, for matters that you do not belong to. Ask a member of those to bring them."


@dataclass(frozen=True, slots=True)
class SearchModel:
    """What the embedder's side hands in."""

    facts: Callable[[], BaseFacts]
    probe: Callable[[Path], ProbeReport]
    name: str  # what the setting search.adapter says
    serving: Callable[[], str]  # the digest of the adapter that serves; "" for none
    renewing: Callable[[], bool]  # whether an older index may still answer, by an older adapter


def _no_adapter(folder: Path) -> ProbeReport:
    raise BadRequest("The search takes no adapter here.")


UNSEARCHED = SearchModel(
    facts=lambda: BaseFacts("", "", "", 0, 0, {}),  # nothing fits it
    probe=_no_adapter,
    name="",
    serving=lambda: "",
    renewing=lambda: False,
)


@dataclass(frozen=True, slots=True)
class Model:
    """What the engine's side hands in. Each raises NotReady while the model loads."""

    facts: Callable[[], Sequence[BaseFacts]]  # of the bases that are served
    probe: Callable[
        [Path], ProbeReport
    ]  # of a folder like the shelf's; raises BadRequest with the reason why not
    prepare: Callable[[Adapter], None]  # loads ahead of the first question; raises BadRequest
    release: Callable[[str], None]  # a digest that is no longer wanted
    search: SearchModel = UNSEARCHED

    def bases(self) -> list[BaseFacts]:
        """All that an adapter may fit."""
        return [*self.facts(), self.search.facts()]

    def kind(self, base: BaseFacts) -> Kind:
        return "search" if base.fingerprint == self.search.facts().fingerprint else "answers"


class Door:
    def __init__(
        self, quarantine: Quarantine, shelf: Shelf, books: Books, model: Model, limits: Limits
    ) -> None:
        self._quarantine, self._shelf, self._books, self._model = quarantine, shelf, books, model
        self._limits = limits
        self._live: OrderedDict[str, Admission] = OrderedDict()  # those in line, and mere checks
        self._outcomes: dict[str, Future[Admission]] = {}
        self._thread = ThreadPoolExecutor(1, "privity-adapters")

    def room(self) -> Path:
        """A new room of the quarantine. `admit` takes it over; whoever does not get that far must `leave` it."""
        return self._quarantine.room()

    def admit(self, source: Path, wanted: Wanted, room: Path | None = None) -> Admission:
        """Puts an archive, a GGUF or a folder in line; the room it lies in, if any, is emptied at the end.

        Raises Busy when the line is full.
        """
        waiting = sum(not outcome.done() for outcome in list(self._outcomes.values()))
        if waiting >= WAITING and wanted.origin != SHIPPED:
            raise Busy("Other adapters are being checked. Try again in a minute.", retry_after=60)
        admission = Admission("i" + secrets.token_hex(8), wanted, "checking", time.time())
        if wanted.kept and wanted.origin != SHIPPED:
            self._books.keep(admission)
        self._live[admission.id] = admission
        future = self._thread.submit(self._run, admission.id, source, room)
        self._outcomes[admission.id] = future
        for old in [id for id, outcome in list(self._outcomes.items()) if outcome.done()][:-CHECKED]:
            del self._outcomes[old]
        return admission

    def admission(self, id: str) -> Admission:
        found = self._live.get(id) or self._books.admission(id)
        if found is None:
            raise NotFound(UNKNOWN)
        return found

    def live(self) -> list[Admission]:
        """Those that are being checked or stand in line, the newest first."""
        return [one for one in reversed(list(self._live.values())) if one.state == "checking"]

    def outcome(self, id: str) -> "Future[Admission]":
        """Done when the admission is."""
        found = self._outcomes.get(id)
        if found is not None:
            return found
        done: Future[Admission] = Future()
        done.set_result(self.admission(id))
        return done

    def later(self, work: Callable[[], None]) -> None:
        """Does something in the door's thread, unless the house is closing: then the next start does it."""
        try:
            self._thread.submit(work)
        except RuntimeError:
            log.info("left for the next start")

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    # --- in the thread -----------------------------------------------------------------------------------

    def _run(self, id: str, source: Path, room: Path | None) -> Admission:
        own = self._quarantine.room()
        self._live[id] = replace(self._live[id], since=time.time())
        try:
            passed = self._examined(id, source, own)
            admission = self._entered(id, passed) if passed else self._refused(id)
        except Walled:
            admission = self._refused(id, KNOWN)
        except PrivityError as error:
            admission = self._refused(id, error.message)
        except Exception as error:
            log.error("an admission failed with %s at %s", type(error).__name__, _place(error))
            admission = self._refused(id, "Something went wrong here. The log names the place.")
        finally:
            leave(own)
            if room is not None:
                leave(room)
        self._forget(id, admission)
        return admission

    def _examined(self, id: str, source: Path, room: Path) -> Passed | None:
        """Runs the steps, every one that still makes sense after a refusal, so that all reasons are told at once."""
        files, made = room / "files", room / "made"
        findings = vet(source, files, self._model.bases(), lambda check: self._tick(id, check), self._limits)
        if findings.facts is None:
            return None
        made.mkdir()
        facts, kind = findings.facts, self._model.kind(findings.facts.base)
        digest = write(files, facts, made)
        known = self._shelf.manifest(digest)
        if known and known["base"] == facts.base.fingerprint and self._shelf.whole(digest):
            self._tick(id, Check("conversion", True, ("Converted before: this content is on the shelf",)))
            self._tick(id, Check("probe", True, ("Probed before: this content is on the shelf",)))
            return Passed(digest, kind, facts, made, known["probe"])
        if not self._converted(id, made, facts, kind):
            return None
        report = self._probed(id, made, kind)
        return Passed(digest, kind, facts, made, asdict(report)) if report else None

    def _converted(self, id: str, made: Path, facts: AdapterFacts, kind: Kind) -> bool:
        said: tuple[str, ...] = ("In llama.cpp's form already",)
        try:
            if kind == "search":
                said = ("Not converted: the search takes it as it is",)
            elif facts.form == "peft" and convertible(facts.base):
                convert(made, facts.base, made / LoraFile.GGUF)
                said = ("Converted for llama.cpp",)
            elif facts.form == "peft":
                said = ("Not converted: llama.cpp has no place for layers of this base",)
        except PrivityError as error:
            self._tick(id, Check("conversion", False, _reasons(error)))
            return False
        self._tick(id, Check("conversion", True, said))
        return True

    def _probed(self, id: str, made: Path, kind: Kind) -> ProbeReport | None:
        try:
            report = self._model.search.probe(made) if kind == "search" else self._model.probe(made)
        except PrivityError as error:
            self._tick(id, Check("probe", False, _reasons(error)))
            return None
        self._tick(id, Check("probe", True, (_told(report, kind),)))
        return report

    def _entered(self, id: str, passed: Passed) -> Admission:
        admission = self._live[id]
        if not admission.wanted.kept:
            return replace(admission, state="ready")
        base = passed.facts.base.fingerprint
        known = self._shelf.manifest(passed.digest)
        if not (known and known["base"] == base and self._shelf.whole(passed.digest)):
            facts = {"base": base, "form": passed.facts.form, "probe": dict(passed.probe)}
            self._shelf.place(passed.digest, passed.folder, facts)
        entered = self._books.enter(admission.wanted, passed, admission)
        return replace(admission, state="ready", version=entered.version, told=entered.told)

    def _refused(self, id: str, told: str = "") -> Admission:
        admission = replace(self._live[id], state="refused", told=told)
        if admission.wanted.kept:
            self._books.keep(admission)
        return admission

    def _tick(self, id: str, check: Check) -> None:
        admission, now = self._live[id], time.time()
        took = round(now - admission.since, 3)
        self._live[id] = replace(admission, checks=(*admission.checks, (check, took)), since=now)

    def _forget(self, id: str, admission: Admission) -> None:
        """What is in the books need not be remembered; of mere checks the last ones are."""
        self._live[id] = admission
        if admission.wanted.kept:
            del self._live[id]
        done = [one.id for one in list(self._live.values()) if one.state != "checking"]
        for old in done[:-CHECKED]:
            del self._live[old]


def _place(error: Exception) -> str:
    """Where it was raised; its own words may hold names out of the files."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace else "?"


def _reasons(error: PrivityError) -> tuple[str, ...]:
    return tuple(error.details.get("reasons", ())) or (error.message,)


def _told(report: ProbeReport, kind: Kind) -> str:
    if kind == "search":
        return f"Vectors turn by up to {report.moved:.2f} of 1, loaded in {report.milliseconds:.0f} ms"
    agreed = "" if report.parity is None else f", engines agree to {report.parity:.2f}"
    return f"Logits move by {report.moved:.1f}{agreed}, loaded in {report.milliseconds:.0f} ms"
