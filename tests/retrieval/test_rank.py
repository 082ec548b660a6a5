import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.retrieval.rank import (
    Card,
    contents,
    fuse,
    glued,
    grams,
    named,
    names,
    proper,
    relevant,
    terms,
    without,
)

HEAD = """ENDORSEMENT AGREEMENT. This Agreement is made between ADAMS GOLF, LTD. ("Adams") and Tom Watson. The players
of golf know that this endorsement agreement is one of many."""
TITLE = "ADAMSGOLFINC_03_21_2005-EX-10.17-ENDORSEMENT AGREEMENT.txt"
CARDS = {
    "d1": Card(glued(TITLE), names(TITLE, HEAD)),
    "d2": Card("breaknotice", frozenset({"break", "notice", "lyle"})),
    "d3": Card("lease", frozenset({"lease"})),
}


def common(word: str) -> bool:
    return word in {"golf", "break", "notice", "lease", "endorsement", "agreement"}


def ask(query: str, **scores: float) -> tuple[set[str], str]:
    found = named(query, scores, CARDS, common)
    return set(found.documents), found.text


def test_a_named_document_is_found_and_its_name_taken_out() -> None:
    for query in (
        "Consider the Endorsement Agreement between Tom Watson and Adams Golf, Ltd; when does it expire?",
        "Under the Endorsement Agreement between Tom Watson and Adams Golf, Ltd., when does it expire?",
    ):
        assert ask(query, d1=9.0, d2=1.0) == ({"d1"}, "when does it expire?")
    found, rest = ask("When does Adams Golf, Ltd's endorsement agreement with Tom Watson expire?", d1=9.0)
    assert found == {"d1"}
    assert "expire" in rest
    assert "Watson" not in rest


def test_what_a_question_asks_of_keeps_its_place() -> None:
    assert ask("How long does the Adams Golf endorsement agreement last?", d1=9.0) == (
        {"d1"},
        "How long does the agreement last?",
    )


def test_a_lone_proper_name_of_a_title_names_its_document() -> None:
    query = "What is due to Adams under the lease?"
    assert ask(query, d1=1.0, d2=0.9) == ({"d1"}, "What is due to under the lease?")
    for query in ("What does the Lease say?", "Was Break Notice given?", "Who is Microsoft?"):
        assert ask(query, d1=1.0, d2=0.9) == (set(), query)


def test_a_name_that_most_titles_bear_names_none() -> None:
    cards = {f"d{n}": Card(f"adams{n}", frozenset()) for n in range(6)}
    assert named("What is the Adams fee?", dict.fromkeys(cards, 1.0), cards, common).documents == {}


def test_what_a_question_is_about_is_no_name() -> None:
    query = "Was the break notice served in time under the lease?"
    assert ask(query, d2=3.0, d3=2.9) == (set(), query)


def test_two_words_name_a_document_that_alone_bears_them() -> None:
    cards = {
        f"d{n}": Card(f"{n}", frozenset({name, "foods", "york"}))
        for n, name in enumerate(("ash", "bex", "cal"))
    }
    scores = {"d0": 5.0, "d1": 4.9, "d2": 4.9}
    found = named("Can it be assigned? This is about the Ash Foods contract.", scores, cards, common)
    assert set(found.documents) == {"d0"}
    assert "Ash" not in found.text
    cards["d0"] = Card("0", frozenset({"new", "york"}))
    assert named("Is New York law chosen?", scores, cards, common).documents == {}


def test_a_question_that_names_nothing_stays_whole() -> None:
    for query in ("Is there a cap on liability?", "notice", "", "What is it?"):
        assert ask(query, d1=1.0, d2=1.0, d3=1.0) == (set(), query)
    assert named("anything", {}, {}, common).documents == {}


def test_names_may_be_the_whole_question() -> None:
    query = "Endorsement Agreement between Tom Watson and Adams Golf, Ltd"
    assert without(query, CARDS["d1"])[0] == query


@given(st.text(max_size=80))
def test_taking_names_out_leaves_words_of_the_question(query: str) -> None:
    rest, _ = without(query, CARDS["d1"])
    assert set(rest.split()) <= {*query.split(), "the", "agreement"}
    assert len(grams(query)) == max(0, len(grams(query)))


def test_terms_leave_out_what_only_frames_a_question() -> None:
    assert terms("What does this contract include about audit rights?") == ["audit", "rights"]
    assert terms("What is the contract?") == ["contract"]
    assert terms("what is it") == ["what", "is", "it"]


def test_fusion_is_stable() -> None:
    assert fuse({"b": 0.5, "a": 0.5, "c": 0.4}, {}) == [("a", 0.5), ("b", 0.5), ("c", 0.4)]
    assert fuse({"a": 0.5, "b": 0.45}, {"b": 7.0})[0][0] == "b"


def test_only_what_is_near_is_relevant() -> None:
    assert relevant([0.1, 0.5], 1000, together=0)
    assert not relevant([0.2], 100, together=0)
    assert relevant([0.25], 100, together=0)
    assert not relevant([0.25], 10_000, together=0)
    assert relevant([0.45], 10_000_000, together=0.5)
    assert not relevant([], 0, together=1)


def test_what_holds_the_words_asked_for_may_be_farther() -> None:
    assert relevant([0.1], 100, together=1)
    assert not relevant([0.1], 100, together=0.5)
    assert not relevant([-0.1], 100, together=1)


def test_contents_are_told_from_clauses() -> None:
    assert contents("1. Fees ........ 3\n2. Term ........ 4\n3. Law . . . . . . . 5")
    assert not contents("The fee is $3 .... and more. It is due.")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is the term of the DrKoop agreement?", ("DrKoop",)),
        ("DrKoop: how long does it last?", ("DrKoop",)),
        ("How much must Harrow Estates pay under the Lease?", ("Harrow", "Estates")),
        ("Does the Tenant's notice bind Lyle's successors?", ("Tenant", "Lyle")),
        ("When may the tenant break the lease?", ()),
        ("WHAT IS THE TERM OF THE LEASE?", ()),
        ("What Is the Notice Period Under This Agreement?", ()),
        ("Is clause 12A of the Agreement void?", ()),
        ("", ()),
    ],
)
def test_names_in_a_question_are_told_by_their_capitals(question: str, expected: tuple[str, ...]) -> None:
    assert proper(question) == expected


@given(st.text(max_size=80))
def test_names_are_words_of_the_question(query: str) -> None:
    assert all(name in query and len(name) >= 3 for name in proper(query))
