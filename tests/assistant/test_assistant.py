"""A grounded answer, whatever the model says: verified quotations, honest refusals, clean ends."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.assistant import Searched
from service.core import Answer, Mark, Message, Sampling
from service.errors import Busy
from service.retrieval import holds, marked_quotations
from tests.assistant.fakes import SCOPE, PaperLibrary, ScriptedEngine, answer, assistant, events, question

LEASE = (
    "LEASE\n\n12.2 The Tenant may terminate this Lease on not less than sixty (60) days'\nwritten notice.\n\n"
    "13.1 A fee of USD 1,500, the “Premium”, is payable by the Tenant on termination of this Lease [2]."
)
LETTER = "The Landlord's letter of 3 March says the “Premium” on termination of the Lease is waived by the Landlord."
ASKED = "On what notice may the Tenant terminate this Lease, and what fee is payable on termination?"


def papers() -> PaperLibrary:
    return PaperLibrary(lease=LEASE, letter=LETTER)


def check(given: Answer, library: PaperLibrary) -> None:
    """Every citation is verbatim, every marked quotation stands in a source, every span lies in the text."""
    for citation in given.citations:
        assert citation.verified
        assert holds(citation, library.documents[citation.document].text)
    sources = [document.text for document in library.documents.values()]
    for words, _ in marked_quotations(given.text):
        assert any(words in source for source in sources), words
    for start, end in given.unsupported:
        assert 0 <= start < end <= len(given.text)
        assert "“" not in given.text[start:end]


def test_coverage_then_text_then_the_answer() -> None:
    library = papers()
    came = events(ScriptedEngine("The Tenant's fee on termination is USD 1,500."), library, question(ASKED))
    searched, *texts, last = came
    assert isinstance(searched, Searched)
    assert isinstance(last, Answer)
    assert searched.citations == last.citations
    assert last.text == "".join(texts)
    assert last.coverage == searched.coverage
    assert last.refused is None
    assert [c.n for c in last.citations] == list(range(1, len(last.citations) + 1))
    check(last, library)


def test_others_are_served_while_a_server_counts_the_tokens() -> None:
    met = threading.Event()

    class Remote(ScriptedEngine):
        def count(self, messages: Sequence[Message]) -> int:
            assert met.wait(240), "the loop stood still"
            return 1

    async def scene() -> list[object]:
        asyncio.get_running_loop().call_later(0.05, met.set)
        return [event async for event in assistant(Remote("A fee."), papers()).ask(question(ASKED))]

    assert isinstance(asyncio.run(scene())[-1], Answer)


def test_the_evidence_is_always_quoted_with_its_marker() -> None:
    library = papers()
    given = answer(ScriptedEngine("Bananas are rich in potassium 99."), library, ASKED)
    assert given.text.startswith("The documents say:\n“")
    for citation in given.citations:
        assert f"“{citation.quote}” [{citation.n}] — {citation.title}" in given.text
    assert given.unsupported == ()


def test_a_name_that_no_document_mentions_is_told_first() -> None:
    library = papers()
    library.strange = ("DrKoop",)
    given = answer(ScriptedEngine("The fee is USD 1,500."), library, ASKED)
    assert given.text.startswith('No document here mentions "DrKoop".\nThe documents say:\n“')
    check(given, library)
    silent = answer(ScriptedEngine(""), library, "Who won the election?")
    assert silent.refused
    assert 'No document here mentions "DrKoop".' in silent.text


def test_the_model_speaks_under_the_evidence_and_is_named() -> None:
    given = answer(
        ScriptedEngine("The fee payable by the Tenant on termination is USD 1,500."), papers(), ASKED
    )
    own = given.text.split("\n")[-1]
    assert own.startswith("In the model's words: The fee payable by the Tenant on termination is USD 1,500 [")
    assert given.unsupported == ()


def test_the_evidence_does_not_wait_for_the_model() -> None:
    engine = ScriptedEngine("The fee payable by the Tenant on termination is USD 1,500.")

    async def first_words() -> int:
        stream = assistant(engine, papers()).ask(question(ASKED))
        async for event in stream:
            if isinstance(event, str) and "“" in event:
                break
        spoken = engine.spoken
        await stream.aclose()
        return spoken

    assert asyncio.run(first_words()) == 0


def test_loose_words_are_marked_as_unsupported() -> None:
    loose = "Sixty (60) days' freedom surrounds generous arrangements."
    given = answer(ScriptedEngine(loose), papers(), ASKED)
    assert [given.text[a:b] for a, b in given.unsupported] == [f"{loose} [not in the documents]"]


def test_a_refusal_asks_no_model() -> None:
    engine = ScriptedEngine("Potatoes.")
    searched, text, last = events(engine, papers(), question("Which potatoes grow in Peru?"))
    assert (last.refused, last.text, last.citations) == ("no_evidence", text, ())
    assert searched == Searched(last.coverage, ())
    assert "2 documents" in text
    assert engine.asked == []


def test_an_empty_matter_is_refused_for_what_it_is() -> None:
    assert answer(ScriptedEngine(), PaperLibrary(), ASKED).refused == "no_documents"
    assert answer(ScriptedEngine(), PaperLibrary(blank="\n\n"), ASKED).refused == "nothing_found"


def test_a_document_that_was_removed_meanwhile_does_not_answer() -> None:
    library = papers()
    found = library.search(ASKED, SCOPE)
    del library.documents["lease"]
    library.search = lambda *_: found  # type: ignore[method-assign, assignment]
    given = answer(ScriptedEngine("The fee is USD 1,500."), library, ASKED)
    assert {citation.document for citation in given.citations} <= {"letter"}


def test_an_index_that_is_behind_its_document_does_not_answer() -> None:
    library = papers()
    found = library.search(ASKED, SCOPE)
    library.documents["lease"] = replace(library.documents["lease"], text="Preamble. " + LEASE)
    library.search = lambda *_: found  # type: ignore[method-assign, assignment]
    given = answer(ScriptedEngine("The fee is USD 1,500."), library, ASKED)
    assert {citation.document for citation in given.citations} <= {"letter"}


def test_a_full_queue_is_told_before_anything_else() -> None:
    engine = ScriptedEngine(failure=Busy("The queue is full.", retry_after=3))
    with pytest.raises(Busy):
        events(engine, papers(), question(ASKED))


def test_a_reader_who_leaves_frees_the_model() -> None:
    engine = ScriptedEngine(
        "The fee payable by the Tenant is USD 1,500. Then there is much more to say. " * 3
    )

    async def leave() -> None:
        stream = assistant(engine, papers()).ask(question(ASKED))
        async for event in stream:
            if isinstance(event, str) and "model's words" in event:
                break
        await stream.aclose()

    asyncio.run(leave())
    assert engine.closed == 1


def test_junk_ends_early() -> None:
    engine = ScriptedEngine("It costs 99 pounds. " * 500)
    given = answer(engine, papers(), ASKED)
    assert engine.spoken < 40
    assert engine.closed == 1
    assert given.usage.completion == engine.spoken


def test_the_person_and_the_wall_travel_with_the_generation() -> None:
    engine = ScriptedEngine("Nothing.")
    answer(engine, papers(), ASKED)
    assert (engine.asked[0].owner, engine.asked[0].salt) == ("u1", "salt")
    assert engine.asked[0].sampling == Sampling()


def test_a_cut_answer_says_so() -> None:
    last = events(
        ScriptedEngine("The fee owed by the Tenant " * 50), papers(), question(ASKED, max_tokens=4)
    )[-1]
    assert last.finish == "length"


def test_a_follow_up_is_searched_in_its_conversation() -> None:
    library = papers()
    answer(ScriptedEngine(), library, "What fee is payable on termination of the Lease?", "And is it waived?")
    assert library.searched[0].startswith("And is it waived?")
    assert "termination" in library.searched[0]


def test_the_same_question_has_the_same_answer() -> None:
    texts = {answer(ScriptedEngine("The fee is USD 1,500."), papers(), ASKED).text for _ in range(2)}
    assert len(texts) == 1


SHARDS = [
    "The Tenant may terminate",
    " sixty (60) days'",
    "“not less than sixty (60) days'\nwritten notice”",
    "“ninety days”",
    '"Premium"',
    "‘waived’",
    "”",
    "“",
    '"',
    " [1]",
    "[2].",
    " [9]",
    " USD 1,500",
    ". ",
    "\n",
    " Yes, ",
    " the fee is payable",
    " by the Landlord's letter of 3 March",
    " — ",
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(SHARDS) | st.text(max_size=12), max_size=14), st.integers(1, 9))
def test_whatever_the_model_says_no_quotation_is_made_up(shards: list[str], bite: int) -> None:
    library = papers()
    check(answer(ScriptedEngine("".join(shards), bite), library, ASKED), library)


def test_terms_of_the_evidence_are_defined_beside_it() -> None:
    lease = (
        "1.1 “Insured Risks” means fire, flood, lightning and any other risk that the Landlord insures.\n\n"
        "9.2 The Tenant may terminate this Lease when the premises are destroyed by Insured Risks."
    )
    library = PaperLibrary(lease=lease)
    given = answer(
        ScriptedEngine(), library, "When may the Tenant terminate the Lease on destruction of premises?"
    )
    ((term,), evidence) = (
        [c for c in given.citations if c.role == role] for role in ("definition", "evidence")
    )
    assert "means fire" in term.quote
    assert f"Terms in these words:\n“{term.quote}” [{len(evidence) + 1}]" in given.text
    check(given, library)


def test_a_tracked_insertion_is_told_beside_its_words() -> None:
    library = papers()
    lease = library.documents["lease"]
    at = lease.text.index("sixty (60)")
    mark = Mark("inserted", at, at + 10, by="A. Smith", date="2021-03-03T10:00:00Z")
    library.documents["lease"] = replace(lease, marks=(mark,))
    given = answer(ScriptedEngine(), library, ASKED)
    told = [c for c in given.citations if "sixty (60)" in c.quote]
    assert told
    assert all("tracked insertion by A. Smith of 3 March 2021" in c.remark for c in told)
    assert told[0].remark in given.text
