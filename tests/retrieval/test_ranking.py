"""The short cuts of search give what SQLite's own BM25 gives."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.core import Passage
from service.retrieval import rank
from service.retrieval.likeness import Likeness, Profile
from service.retrieval.words import Words, stored

WORDS = ["rent", "rents", "tenant", "roof", "notice", "party", "pay", "paying", "quarter", "bolt"]
texts = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12), min_size=1, max_size=25)


@pytest.fixture
def words(tmp_path: Path) -> Iterator[Words]:
    words = Words(tmp_path / "mat-a.x.db")
    yield words
    words.close()


def put(words: Words, key: str, found: list[list[str]]) -> dict[str, tuple[str, str]]:
    document = key.rpartition("-")[0]
    passages = [
        Passage(f"{document}.{n}", document, key, 0, 1, " ".join(said), ("Head", *said[:1]))
        for n, said in enumerate(found)
    ]
    words.put(key, key, [], Profile.of(["abcd"]), passages)
    return {stored(key, p.id): (" ".join(p.path), p.text) for p in passages}


def by_sqlite(
    passages: dict[str, tuple[str, str]], asked: list[str], keys: list[str] | None
) -> dict[str, float]:
    """What FTS5 itself makes of these passages, each with its headings and its text."""
    with closing(sqlite3.connect(":memory:")) as rows:
        rows.execute(
            "CREATE VIRTUAL TABLE words USING fts5"
            " (id UNINDEXED, headings, text, tokenize = 'porter unicode61 remove_diacritics 2')"
        )
        rows.executemany("INSERT INTO words VALUES (?, ?, ?)", [(id, *said) for id, said in passages.items()])
        every = " OR ".join(f'"{word}"' for word in dict.fromkeys(asked))
        found = rows.execute("SELECT id, -bm25(words) FROM words WHERE words MATCH ?", (every,)).fetchall()
    return {id: score for id, score in found if keys is None or id.rpartition(".")[0] in keys}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts, texts, texts, st.lists(st.sampled_from(WORDS), min_size=1, max_size=5), st.booleans())
def test_words_weigh_what_they_weigh_in_sqlite(
    words: Words,
    one: list[list[str]],
    two: list[list[str]],
    three: list[list[str]],
    asked: list[str],
    early: bool,
) -> None:
    """Whether the postings are made at once or brought up to date with what comes and goes."""
    keys, passages = ["d1-a", "d2-a", "d3-a"], dict[str, tuple[str, str]]()
    for key, found in zip(keys, (one, two, three), strict=True):
        passages |= put(words, key, found)
        if early:
            words.warm()
    for chosen in (None, ["d1-a"], ["d1-a", "d3-a"]):
        assert words.passages(asked, chosen, 1000) == pytest.approx(by_sqlite(passages, asked, chosen))
    words.drop(["d2-a"])
    passages = {id: said for id, said in passages.items() if not id.startswith("d2-a")}
    assert words.passages(asked, None, 1000) == pytest.approx(by_sqlite(passages, asked, None))
    passages |= put(words, "d2-a", one)
    assert words.passages(asked, None, 1000) == pytest.approx(by_sqlite(passages, asked, None))
    words.lighten()
    assert words.passages(asked, None, 1000) == pytest.approx(by_sqlite(passages, asked, None))
    words.drop(keys)
    assert words.passages(asked, None, 1000) == {}


TEXT = st.text("aAbsSé'’- 1.éß_", max_size=40)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(TEXT, min_size=1, max_size=6), TEXT)
def test_signs_and_apostrophes_are_read_as_sqlite_reads_them(
    words: Words, said: list[str], asked: str
) -> None:
    words.drop(list(words.keys()))
    passages = put(words, "d1-a", [[text] for text in said])
    for word in rank.terms(asked):
        parts = re.findall(r"[^\W_]+", word)
        if len(parts) > 2 or min(map(len, parts)) > 1 < len(parts):
            continue  # all of its parts must stand in a passage, and not beside one another
        assert words.passages([word], None, 1000) == pytest.approx(by_sqlite(passages, [word], None)), word
        alone = re.compile(rf"\b{re.escape(word)}\b")
        if len(parts) == 1:
            assert words.common(word) == any(alone.search(text) for _, text in passages.values()), word


def test_a_name_with_an_apostrophe_is_its_parts_beside_one_another(words: Words) -> None:
    put(words, "d1-a", [["Sotheby's and O'Neill's catalogue"], ["Sotheby is not O Neill, nor s"]])
    assert set(words.passages(["sotheby's"], None, 9)) == {"d1-a.0"}
    assert set(words.passages(["o'neill's"], None, 9)) == {"d1-a.0"}
    assert set(words.passages(["o'neill"], None, 9)) == {"d1-a.0", "d1-a.1"}


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
