"""Data sets behind their wall, against a model of it; what is decided on rows; and what goes with its documents."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from service.core import Caller, Role, Scope
from service.errors import BadRequest, NotFound, Unfit
from service.storage import Database
from service.storage.tables import (
    AdapterRow,
    AnswerRow,
    Dataset,
    DatasetRow,
    DocumentRow,
    JobLearned,
    JobRow,
    Matter,
    User,
    VersionRow,
)
from service.training.datasets import Datasets
from service.training.lineage import Lineage, Lineages
from service.training.rows import Provenance, Row

ANN = Caller("u1", "ann", Role.MEMBER)
TESS, TOM = Caller("u2", "tess", Role.TRAINER), Caller("u3", "tom", Role.TRAINER)
ADAM = Caller("u4", "adam", Role.ADMIN)
PEOPLE = (ANN, TESS, TOM, ADAM)
MATTERS = ("m1", "m2", "m3")
LAW = "This Agreement is governed by the laws of Texas."

subsets = st.frozensets(st.sampled_from(MATTERS))


def scope(caller: Caller, *matters: str) -> Scope:
    return Scope(caller, frozenset(matters), "")


def row(question: str = "Which law?", answer: str = "Texas", document: str = "d1", **source: object) -> Row:
    return Row(
        question, LAW, answer, source=Provenance("rule", document, 0, len(LAW), group=document, **source)
    )  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = Database(tmp_path_factory.mktemp("home") / "privity.db")
    yield made
    made.close()


@pytest.fixture
def database(base: Database) -> Database:
    cleared(base)
    return base


@pytest.fixture
def datasets(database: Database) -> Datasets:
    return Datasets(database)


def cleared(database: Database) -> None:
    """Three matters with a document each, and nothing that was learned."""
    with database.write() as rows:
        for table in (
            Dataset,
            DatasetRow,
            JobLearned,
            JobRow,
            VersionRow,
            AdapterRow,
            AnswerRow,
            Matter,
            User,
        ):
            rows.execute(delete(table))
        rows.add_all(User(id=p.id, name=p.name, password="", role=p.role.value, created=0.0) for p in PEOPLE)
        rows.add_all(Matter(id=matter, name=matter, created=0.0) for matter in MATTERS)
        rows.flush()
        rows.add_all(
            DocumentRow(
                id=f"d{m[1]}",
                matter=m,
                title=f"Paper of {m}",
                kind="txt",
                digest="",
                state="ready",
                added=0.0,
            )
            for m in MATTERS
        )


# --- rows --------------------------------------------------------------------------------------------------


def test_rows_come_in_once_and_are_told_with_their_source(datasets: Datasets) -> None:
    mine = scope(TESS, *MATTERS)
    id = datasets.open("Leases", "answers", mine).id
    first = datasets.add(id, [row(), row(), row("What law governs?")], "proposed", mine, ["m1"])
    assert (first.added, first.duplicates) == (2, 1)
    assert datasets.add(id, [row()], "accepted", mine).duplicates == 1
    kept, total = datasets.rows(id, mine)
    assert total == 2
    assert {k.state for k in kept} == {"proposed"}
    assert {k.row for k in kept} == {row(), row("What law governs?")}
    card = datasets.card(id, mine)
    assert card.matters == {"m1"}
    assert (card.counts["proposed"], card.origins) == (2, {"rule": 2})
    other = datasets.open("Others", "answers", mine).id
    assert datasets.add(other, [row()], "proposed", mine).added == 1, "in another data set it is another row"


def test_only_what_can_be_learned_is_accepted(datasets: Datasets) -> None:
    mine = scope(TESS, "m1")
    id = datasets.open("Leases", "answers", mine).id
    odd = row(answer="the law of Ohio")
    assert datasets.add(id, [odd], "accepted", mine).dropped == {
        "The answer does not stand in its context.": 1
    }
    datasets.add(id, [odd, row()], "proposed", mine)
    kept = {k.row.answer: k for k in datasets.rows(id, mine)[0]}
    with pytest.raises(Unfit, match="does not stand"):
        datasets.change(id, kept["the law of Ohio"].id, mine, state="accepted")
    assert datasets.rows(id, mine, "accepted")[1] == 0, "nothing of a refused change is kept"
    edited = datasets.change(id, kept["the law of Ohio"].id, mine, state="accepted", answer="laws of Texas")
    assert (edited.id, edited.row.answer, edited.edited_by) == (
        kept["the law of Ohio"].id,
        "laws of Texas",
        "u2",
    )
    assert datasets.change(id, kept["Texas"].id, mine, state="rejected").state == "rejected"
    assert datasets.add(id, [row()], "proposed", mine).added == 0, "what was rejected is not proposed again"
    assert [r.answer for r in datasets.accepted(id, mine)] == ["laws of Texas"]


def test_many_are_decided_on_at_once(datasets: Datasets) -> None:
    mine = scope(TESS, "m1")
    id = datasets.open("Leases", "answers", mine).id
    datasets.add(id, [row(f"Which, {n}?", rule=f"rule {n % 2}") for n in range(6)], "proposed", mine)
    datasets.add(id, [row("Odd?", "not there")], "proposed", mine)
    done = datasets.decide(id, "accepted", mine, rule="rule 0")
    assert (done.added, done.dropped) == (3, {})
    some = [k.id for k in datasets.rows(id, mine, "proposed")[0] if k.row.source.rule][:1]
    assert datasets.decide(id, "rejected", mine, some).added == 1
    done = datasets.decide(id, "accepted", mine)
    assert (done.added, done.dropped) == (2, {"The answer does not stand in its context.": 1})
    assert dict(datasets.card(id, mine).counts) == {"proposed": 1, "accepted": 5, "rejected": 1}


def test_texts_and_labels(datasets: Datasets) -> None:
    mine = scope(TESS, "m1")
    id = datasets.open("Reviews", "classify", mine).id
    made = [Row("", f"A fine film, {n} of them.", "", "good") for n in range(3)]
    assert datasets.add(id, [*made, Row("", "No label.")], "accepted", mine).dropped == {
        "The label is empty.": 1
    }
    assert {r.label for r in datasets.accepted(id, mine)} == {"good"}


@pytest.mark.parametrize(("name", "kind"), [("", "answers"), ("x" * 121, "answers"), ("Leases", "poems")])
def test_what_a_data_set_cannot_be(datasets: Datasets, name: str, kind: str) -> None:
    with pytest.raises(BadRequest):
        datasets.open(name, kind, scope(TESS))  # type: ignore[arg-type]


# --- what went ---------------------------------------------------------------------------------------------


def test_rows_go_with_their_documents_and_matters(datasets: Datasets, database: Database) -> None:
    mine = scope(TESS, *MATTERS)
    two = datasets.open("Two", "answers", mine, ["m1", "m2"]).id
    one = datasets.open("One", "answers", mine, ["m1"]).id
    free = datasets.open("Free", "answers", mine).id
    upload = Row("Whose?", LAW, "Texas", source=Provenance("upload"))
    for id in (two, one, free):
        datasets.add(id, [row(), upload] if id != free else [upload], "accepted", mine)
    datasets.add(two, [row("Of the second?", document="d2")], "accepted", mine)
    datasets.mend()
    assert datasets.rows(two, mine)[1] == 3, "while all is there nothing goes"
    with database.write() as rows:
        rows.execute(delete(DocumentRow).where(DocumentRow.id == "d1"))
    datasets.mend()
    assert {k.row.question for k in datasets.rows(two, mine)[0]} == {"Whose?", "Of the second?"}
    with database.write() as rows:
        rows.execute(delete(Matter).where(Matter.id == "m1"))
    datasets.mend()
    assert {card.name for card in datasets.cards(mine)} == {"Two", "Free"}
    assert datasets.card(two, mine).matters == {"m2"}
    assert [k.row.question for k in datasets.rows(two, mine)[0]] == ["Of the second?"]
    assert datasets.rows(free, mine)[1] == 1


# --- the wall ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Held:
    """A data set and a run on it as the model of the wall knows them."""

    name: str
    matters: frozenset[str]
    documents: frozenset[str]

    def seen(self, caller: Caller, matters: frozenset[str]) -> bool:
        return caller.role is not Role.MEMBER and self.matters <= matters


@settings(max_examples=50, deadline=None)
@given(
    made=st.lists(subsets, min_size=1, max_size=4),
    caller=st.sampled_from(PEOPLE),
    theirs=subsets,
    data=st.data(),
)
def test_nobody_sees_a_row_data_set_or_lineage_beyond_their_wall(
    base: Database, made: list[frozenset[str]], caller: Caller, theirs: frozenset[str], data: st.DataObject
) -> None:
    cleared(base)
    held = entered(base, made)
    datasets, mine = Datasets(base), scope(caller, *theirs)
    seen = {card.name for card in datasets.cards(mine)}
    assert seen == {one.name for one in held if one.seen(caller, theirs)}
    with base.read() as rows:
        ids = {one.name: one.id for one in rows.scalars(select(Dataset))}
    for one in held:
        deeds = (
            lambda id: datasets.card(id, mine),
            lambda id: datasets.rows(id, mine),
            lambda id: datasets.accepted(id, mine),
            lambda id: datasets.add(id, [], "proposed", mine),
            lambda id: datasets.decide(id, "accepted", mine),
            lambda id: datasets.rewrite(id, mine, lambda row: row),
            lambda id: datasets.withdraw(id, "x", mine),
        )
        for deed in deeds:
            if one.seen(caller, theirs):
                deed(ids[one.name])
            else:
                with pytest.raises(NotFound):
                    deed(ids[one.name])
    document = data.draw(st.sampled_from(["d1", "d2", "d3"]))
    told = Lineages(base).of_documents([document], mine)
    learned = [one for one in held if document in one.documents]
    assert {holding.name for holding in told.datasets} == {
        one.name for one in learned if one.seen(caller, theirs)
    }
    assert {run.name for run in told.runs} == {one.name for one in learned if one.seen(caller, theirs)}
    assert {made.name for made in told.adapters} == {one.name for one in learned if one.matters <= theirs}
    with pytest.raises(NotFound):
        datasets.open("x", "answers", mine, {*MATTERS} - theirs or {"m9"})


def entered(database: Database, made: list[frozenset[str]]) -> list[Held]:
    """A data set for each, a run on it, and the adapter that came of it."""
    everything, held = scope(TESS, *MATTERS), list[Held]()
    datasets = Datasets(database)
    for number, matters in enumerate(made, 1):
        name = f"one-{number}"
        documents = frozenset(f"d{matter[1]}" for matter in matters)
        held.append(Held(name, matters, documents))
        id = datasets.open(name, "answers", everything, matters).id
        given = [row(f"Which law, by {document}?", document=document) for document in documents]
        datasets.add(id, given, "accepted", everything, matters)
        with database.write() as rows:
            rows.add(job(number, name, id, matters))
            rows.flush()
            rows.add_all(JobLearned(job=number, row=f"r{d}", document=d, split="train") for d in documents)
            rows.add(AdapterRow(name=name, title=name, published=1, share=0, created=0.0))
            rows.flush()
            rows.add(version(name, matters))
    return held


def job(number: int, name: str, dataset: str, matters: frozenset[str]) -> JobRow:
    return JobRow(
        id=number, name=name, title=name, kind="answers", dataset=dataset, matters=sorted(matters), people=[],
        recipe={}, state="published", by="u2", created=0.0, adapter=name, version=1,
    )  # fmt: skip


def version(name: str, matters: frozenset[str]) -> VersionRow:
    return VersionRow(
        name=name, version=1, digest=name, kind="answers", state="ready", base="b", form="peft", rank=4, scale=2.0,
        tensors=8, size=1, origin="fine-tune 1", matters=sorted(matters), people=[], by="u2", created=0.0, probe={},
    )  # fmt: skip


# --- lineage -----------------------------------------------------------------------------------------------


def test_lineage_leads_both_ways(database: Database) -> None:
    entered(database, [frozenset({"m1"}), frozenset({"m1", "m2"})])
    with database.write() as rows:
        for n, matters in enumerate((["m1"], ["m1"], ["m1", "m3"])):
            proof = {"adapter": {"name": "one-1", "version": 1}}
            rows.add(
                AnswerRow(
                    id=f"a{n}",
                    user="u2",
                    created=0.0,
                    matters=matters,
                    proof=proof,
                    adapter="one-1",
                    version=1,
                )
            )
    lines, mine = Lineages(database), scope(TESS, "m1", "m2")
    found = lines.of_documents(["d1"], mine)
    assert [run.number for run in found.runs] == [2, 1]
    assert [(one.name, one.published, one.answers) for one in found.adapters] == [
        ("one-2", True, 0),
        ("one-1", True, 2),
    ]
    assert "one-2 version 1 and one-1 version 1 have learned from it" in found.told()
    back = lines.of_run(2, mine)
    assert [(s.document, s.title, s.train) for s in back.documents] == [
        ("d1", "Paper of m1", 1),
        ("d2", "Paper of m2", 1),
    ]
    assert lines.of_adapter("one-2", mine).documents == back.documents
    assert lines.of_documents(["d3"], mine) == Lineage()
    assert lines.of_documents(["d3"], mine).told() == ""
    with pytest.raises(NotFound):
        lines.of_run(2, scope(TESS, "m1"))
    with pytest.raises(NotFound):
        lines.of_run(1, scope(ANN, "m1"))
    assert [one.name for one in lines.of_documents(["d1"], scope(ANN, "m1")).adapters] == ["one-1"]


def test_lineage_outlives_the_document_and_the_data_set(datasets: Datasets, database: Database) -> None:
    entered(database, [frozenset({"m1"})])
    mine = scope(TESS, "m1")
    datasets.remove(datasets.cards(mine)[0].id, mine)
    with database.write() as rows:
        rows.execute(delete(DocumentRow).where(DocumentRow.id == "d1"))
    datasets.mend()
    assert [(s.document, s.title) for s in Lineages(database).of_run(1, mine).documents] == [("d1", "")]


def test_a_row_s_parts_come_back_as_they_went_in(datasets: Datasets) -> None:
    mine = scope(TESS, "m1")
    id = datasets.open("Leases", "answers", mine).id
    made = replace(row(), source=Provenance("model", "d1", 3, 9, "u2", "written", "g", "Paper"))
    datasets.add(id, [made], "accepted", mine)
    assert datasets.accepted(id, mine) == [made]
