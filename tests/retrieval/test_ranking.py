"""The short cuts of search give what SQLite's own BM25 gives."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.core import Passage
from service.retrieval.likeness import Likeness, Profile
from service.retrieval.words import Words

WORDS = ["rent", "rents", "tenant", "roof", "notice", "party", "pay", "paying", "quarter", "bolt"]
texts = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12), min_size=1, max_size=25)


@pytest.fixture
def words(tmp_path: Path) -> Iterator[Words]:
    words = Words(tmp_path / "mat-a.x.db")
    yield words
    words.close()


def put(words: Words, key: str, found: list[list[str]]) -> None:
    document = key.rpartition("-")[0]
    passages = [
        Passage(f"{document}.{n}", document, key, 0, 1, " ".join(said), ("Head",))
        for n, said in enumerate(found)
    ]
    words.put(key, key, [], Profile.of(["abcd"]), passages)


def by_sqlite(words: Words, asked: list[str], keys: list[str] | None) -> dict[str, float]:
    every = " OR ".join(f'"{word}"' for word in dict.fromkeys(asked))
    found = words._ask(
        "SELECT id, -bm25(words), document FROM words JOIN passages ON row = words.rowid WHERE words MATCH ?",
        (every,),
    )
    return {id: score for id, score, key in found if keys is None or key in keys}


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts, texts, texts, st.lists(st.sampled_from(WORDS), min_size=1, max_size=5))
def test_sums_of_single_words_are_the_rank_of_all(
    words: Words, one: list[list[str]], two: list[list[str]], three: list[list[str]], asked: list[str]
) -> None:
    keys = ["d1-a", "d2-a", "d3-a"]
    for key, found in zip(keys, (one, two, three), strict=True):
        put(words, key, found)
    for chosen in (None, ["d1-a"], ["d1-a", "d3-a"]):
        assert words.passages(asked, chosen, 1000) == pytest.approx(by_sqlite(words, asked, chosen))
    words.drop(["d2-a"])
    assert words.passages(asked, None, 1000) == pytest.approx(by_sqlite(words, asked, None))
    words.drop(keys)
    assert words.passages(asked, None, 1000) == {}


profiles = st.lists(
    st.lists(st.sampled_from(["aaaa", "bbbb", "cccc", "dddd"]), max_size=9), min_size=1, max_size=9
)


@settings(max_examples=60, deadline=None)
@given(profiles, profiles, st.lists(st.sampled_from(["aaaa", "bbbb", "eeee"]), min_size=1))
def test_documents_that_come_and_go_leave_the_others_as_they_would_be(
    stay: list[list[str]], go: list[list[str]], asked: list[str]
) -> None:
    staying = [(f"s{n}", Profile.read(bytes(Profile.of(grams)))) for n, grams in enumerate(stay)]
    going = [(f"g{n}", Profile.of(grams)) for n, grams in enumerate(go)]
    changed = Likeness.of(going).changed(staying, [key for key, _ in going])
    assert changed.scores(asked, 99) == pytest.approx(Likeness.of(staying).scores(asked, 99))
    assert Likeness.of([]).changed(staying, []).scores(asked, 99) == pytest.approx(changed.scores(asked, 99))
