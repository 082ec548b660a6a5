"""Rows from documents: what the rules find is right and in its place, what they call silent is silent."""

import json
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core import Document
from service.training.reading import SIZE, Reading
from service.training.rows import stands
from service.training.rulebook import BY_NAME, RULES
from service.training.rules import Hit, hits, read, rows
from tests.training.papers import ABSENT, CONTRACT, DATA, paper

CORPUS = DATA / "corpus" / "cuad"
# The categories of the annotated contracts that a rule's finds must lie in.
GOLD = {
    "parties": ["Parties"],
    "date": ["Agreement Date", "Effective Date"],
    "governing-law": ["Governing Law"],
    "term": ["Expiration Date", "Effective Date", "Renewal Term"],
    "renewal": ["Renewal Term", "Notice Period To Terminate Renewal"],
    "non-renewal-notice": ["Notice Period To Terminate Renewal"],
    "convenience": ["Termination For Convenience"],
    "liability-cap": ["Cap On Liability"],
    "excluded-damages": ["Cap On Liability", "Uncapped Liability"],
    "assignment": ["Anti-Assignment"],
    "insurance": ["Insurance"],
    "audit": ["Audit Rights"],
}


@pytest.fixture(scope="module")
def contract() -> Reading:
    return read(paper())


def said(reading: Reading) -> dict[str, list[str]]:
    found = defaultdict(list)
    for hit in hits(reading):
        found[hit.rule].append(reading.document.text[hit.start : hit.end])
    return found


def test_what_the_rules_find(contract: Reading) -> None:
    found = said(contract)
    assert found["parties"][0].startswith("Alder Supplies, Inc.")
    assert found["parties"][0].endswith("Birch Tools LLC")
    assert found["date"] == ["March 5, 2021"]
    assert found["governing-law"] == [
        "This Agreement shall be governed by and construed in accordance with the laws of the State of Texas."
    ]
    assert found["assignment"] == [
        "Neither party may assign this Agreement without the prior written consent of the other party."
    ]
    assert found["term"][0].startswith("The term of this Agreement shall commence")
    assert found["renewal"] == found["non-renewal-notice"]
    assert found["payment"] == ["Birch shall pay each invoice within thirty (30) days after receipt of it."]
    assert found["liability-cap"][0].startswith("The total liability")
    assert {hit.term for hit in hits(contract) if hit.rule == "definition"} == {"Business Day", "Goods"}
    assert not found["non-compete"]


def test_every_answer_stands_in_its_passage_and_names_its_place(contract: Reading) -> None:
    made = rows(contract)
    assert {row.source.rule for row in made if row.answer} >= {
        "governing-law",
        "renewal",
        "definition",
        "parties",
    }
    for row in made:
        assert row.context == contract.document.text[row.source.start : row.source.end]
        assert stands(row.answer, row.context)
        assert len(row.context) <= SIZE + 900
        assert (row.source.document, row.source.group, row.source.origin) == ("d1", "d1", "rule")
        assert "{" not in row.question


def test_passages_that_are_called_silent_say_nothing_on_the_subject(contract: Reading) -> None:
    silent = [row for row in rows(contract) if not row.answer]
    assert silent
    for row in silent:
        rule = BY_NAME[row.source.rule]
        assert not rule.touches(row.context)
        assert not any(rule.holds(row.context, row.context.lower()) for rule in [rule])
    answered = [row for row in rows(contract) if row.answer]
    assert len(silent) <= len(answered) / 2 + 1
    assert not [row for row in rows(contract, unanswerable=False) if not row.answer]


def test_a_letter_has_no_parties_to_an_agreement_and_no_date_of_one() -> None:
    letter = "Alder Ltd\n\n5 March 2021\n\nTo: Birch Ltd\n\nDear Sirs\n\nWe write as of 5 March 2021 about the saws.\n"
    found = said(read(paper(letter, "Letter.txt")))
    assert not found["parties"]
    assert not found["date"]


def test_only_the_chosen_rules_and_each_time_the_same(contract: Reading) -> None:
    assert {row.source.rule for row in rows(contract, ["governing-law"])} == {"governing-law"}
    assert rows(contract) == rows(read(paper()))


def test_two_answers_in_one_passage_make_no_row() -> None:
    twice = CONTRACT.replace(
        "6. Payment",
        "5A. Law. This Agreement shall be governed by the laws of the State of Ohio.\n\n6. Payment",
    )
    reading = read(paper(twice))
    assert len([hit for hit in hits(reading) if hit.rule == "governing-law"]) == 2
    assert not [row for row in rows(reading, ["governing-law"]) if row.answer]


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("governing-law", "Alder is a company organized under the laws of the State of Delaware."),
        ("convenience", "Either party may terminate this Agreement at any time on notice if the other is in breach."),
        ("renewal", "The insurance under this Agreement shall be renewed for successive periods of one year."),
        ("assignment", "Alder shall assign the copyrights in this Agreement with the consent of its employees."),
        ("term", "\"Quarter\" means each period of three months commencing on January 1 until the term ends."),
        ("liability-cap", "Alder answers for all liabilities including but not limited to damages and fees paid."),
    ],
)  # fmt: skip
def test_what_only_looks_alike_is_passed_over(rule: str, sentence: str) -> None:
    assert not BY_NAME[rule].holds(sentence, sentence.lower())


def test_the_rules_have_names_wordings_and_a_subject() -> None:
    assert len(BY_NAME) == len(RULES) >= 30
    for rule in RULES:
        assert len(set(rule.questions)) == len(rule.questions) >= 3
        assert all("{term}" in question for question in rule.questions) == (rule.name == "definition")
        assert bool(rule.marks) == bool(rule.about), "a rule by marks knows its subject"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(CONTRACT.split("\n\n")) | st.text(max_size=120), max_size=12),
    st.floats(0, 1),
    st.data(),
)
def test_any_text_gives_only_rows_that_are_right(parts: list[str], lead: float, data: st.DataObject) -> None:
    try:
        document = paper("\n\n".join(parts))
    except Exception:  # nothing to read in it
        return
    reading = read(document)
    for row in rows(reading):
        assert stands(row.answer, row.context)
    if reading.sentences:
        span = data.draw(st.sampled_from(reading.sentences))
        start, end = reading.around(span, lead)
        assert start <= span[0] < span[1] <= end
        assert end - start <= max(SIZE, span[1] - span[0])
        assert start in {start for start, _ in reading.sentences}
        assert end in {end for _, end in reading.sentences}


# --- real contracts ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real() -> list[Reading]:
    if not CORPUS.is_dir():
        pytest.skip(ABSENT)
    names = json.loads((DATA / "splits.json").read_text("utf-8"))["train"][100:130]
    return [read(paper((CORPUS / name).read_text("utf-8"), name, name)) for name in names]


def test_on_real_contracts_the_finds_lie_where_lawyers_marked_them(real: list[Reading]) -> None:
    marked = marks()
    right, wrong = list[Hit](), list[Hit]()
    for reading in real:
        for hit in hits(reading, [rule for rule in RULES if rule.name in GOLD]):
            spans = [span for kind in GOLD[hit.rule] for span in marked[reading.document.id, kind]]
            (right if any(a < hit.end and b > hit.start for a, b in spans) else wrong).append(hit)
    assert len(right) + len(wrong) > 100
    assert len(right) / (len(right) + len(wrong)) > 0.8


def marks() -> dict[tuple[str, str], list[tuple[int, int]]]:
    found = defaultdict(list)
    for line in (DATA / "cuad" / "train.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        name = row["doc"].rpartition("/")[2]
        found[name, row["category"]] += [(answer["start"], answer["end"]) for answer in row["answers"]]
    return found


def test_real_contracts_give_many_rows_of_many_kinds(real: list[Reading]) -> None:
    made = [row for reading in real for row in rows(reading)]
    answered = [row for row in made if row.answer]
    assert len(answered) / len(real) > 8
    assert len({row.source.rule for row in answered}) > 25
    assert 0.2 < 1 - len(answered) / len(made) < 0.4


def test_a_document_without_text_gives_none() -> None:
    empty = Document("d", "m", "t", "txt", "", "", (), ())
    assert rows(read(empty)) == []
