"""A registry for tests: the real checks and conversion, a model of two small blocks, and a probe that always agrees."""

from collections.abc import Callable, Iterable
from pathlib import Path

from service.adapters import Adapters, Admission, Model, SearchModel, Wanted
from service.core import Adapter, BaseFacts, Caller, LoraFile, ProbeReport, Role, Scope
from service.errors import NotReady
from service.storage import Database
from service.storage.tables import Matter, User
from tests.adapters.made import READER, SMALL, lora

ANN, BOB = Caller("u1", "ann", Role.MEMBER), Caller("u2", "bob", Role.MEMBER)
TRAINER, ADMIN = Caller("u3", "tess", Role.TRAINER), Caller("u4", "adam", Role.ADMIN)
PEOPLE = (ANN, BOB, TRAINER, ADMIN)
MATTERS = ("m1", "m2", "m3")


def scope(caller: Caller, *matters: str) -> Scope:
    return Scope(caller, frozenset(matters), "".join(sorted(matters)) or caller.id)


def report(folder: Path) -> ProbeReport:
    assert (folder / LoraFile.GGUF).is_file(), "the probe reads what was converted"
    return ProbeReport(moved=2.0, parity=None, milliseconds=5.0)


class Firm:
    """A home folder with its registry; `restart` is what a crash and a new start do to it."""

    def __init__(self, home: Path, facts: BaseFacts = SMALL) -> None:
        self.home, self.facts, self.loading = home, facts, False
        self.probe: Callable[[Path], ProbeReport] = report
        self.serving, self.renewing = "", False  # of the search
        self.prepared: list[Adapter] = []
        self.released: list[str] = []
        self.database = Database(home / "privity.db")
        with self.database.write() as rows:
            for person in PEOPLE:
                role = person.role.value
                rows.add(User(id=person.id, name=person.name, password="", role=role, created=0.0))
            for matter in MATTERS:
                rows.add(Matter(id=matter, name=matter, created=0.0))
        self.adapters = self._open()

    def _open(self) -> Adapters:
        model = Model(
            facts=self._facts,
            probe=lambda folder: self.probe(folder),
            prepare=self.prepared.append,
            release=self.released.append,
            search=SearchModel(
                facts=lambda: READER,
                probe=lambda folder: ProbeReport(0.4, None, 5.0),
                name="clauses",
                serving=lambda: self.serving,
                renewing=lambda: self.renewing,
            ),
        )
        return Adapters(self.home, self.database, model, max_bytes=1 << 20)

    def _facts(self) -> list[BaseFacts]:
        if self.loading:
            raise NotReady("The model is loading.")
        return [self.facts]

    def restart(self) -> None:
        self.adapters.close()
        self.adapters = self._open()

    def close(self) -> None:
        self.adapters.close()
        self.database.close()

    def make(self, seed: int = 0, **changed: object) -> Path:
        """A valid adapter's folder; the same seed is the same content."""
        folder = self.home / "made" / f"{seed}"
        return lora(folder, self.facts, rank=4, seed=seed, **changed)  # type: ignore[arg-type]

    def make_search(self, seed: int = 0, **changed: object) -> Path:
        """An adapter of the embedder."""
        more: dict[str, object] = {"targets": ("query", "value"), "task_type": "FEATURE_EXTRACTION"}
        return lora(self.home / "made" / f"search {seed}", READER, 4, seed, **(more | changed))  # type: ignore[arg-type]

    def admit(
        self,
        name: str = "leases",
        seed: int = 0,
        matters: Iterable[str] = (),
        people: Iterable[Caller] = (),
        by: Caller = ADMIN,
        within: Scope | None = None,
    ) -> Admission:
        wanted = Wanted(
            name,
            matters=frozenset(matters),
            people=frozenset(person.id for person in people),
            by=by.id,
            scope=within or scope(by, *MATTERS),
        )
        return self.settled(self.adapters.admit(self.make(seed), wanted))

    def settled(self, admission: Admission) -> Admission:
        return self.adapters.outcome(admission.id).result(240)

    def published(self, name: str = "leases", seed: int = 0, **more: object) -> int:
        version = self.admit(name, seed, **more).version  # type: ignore[arg-type]
        assert version is not None
        self.adapters.publish(name, version, ADMIN.id)
        return version
