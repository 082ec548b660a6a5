import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import BadRequest
from service.retrieval.query import parse

TEXTS = [
    "Time is of the essence of all dates and periods in this clause.",
    "The Tenant may terminate this lease by giving notice.",
    "Termination does not affect earlier breaches of the sublease; the landlord’s notice is final.",
    "Confidential Information is kept secret under clause 12.3(b) of the Agreement.",
    "The supplier shall indemnify the buyer against all loss.",
]


@pytest.fixture(scope="module")
def words() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as rows:
        rows.execute("CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = 'porter unicode61')")
        rows.executemany("INSERT INTO words VALUES (?)", [(text,) for text in TEXTS])
        yield rows


def found(words: sqlite3.Connection, text: str) -> list[int]:
    rows = words.execute("SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid", (parse(text).fts,))
    return [row for (row,) in rows]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"time is of the essence"', [1]),
        ("“of the essence”", [1]),
        ("lease notice", [2]),
        ("lease AND notice", [2]),
        ("lease OR secret", [2, 4]),
        ("notice NOT sublease", [2]),
        ("notice AND NOT (sublease OR secret)", [2]),
        ("supplier w/3 indemnify", [5]),
        ("supplier NEAR/0 indemnify", []),
        ("(supplier OR tenant) w/2 (indemnify OR terminate)", [2, 5]),
        ("supplier w/2 indemnify w/5 loss", [5]),
        ("indemn*", [5]),
        ("confid!", [4]),
        ('"confidential inf*"', [4]),
        ("12.3(b)", [4]),
        ("and OR or", [1]),
        ("notice & lease", [2]),
        ("landlord's", [3]),
        ("clause AND (essence OR secret) NOT time", [4]),
        ("lease -- DROP TABLE words;", []),
        ("text:lease", []),
        ("^time", [1]),
    ],
)
def test_what_lawyers_write_finds_what_they_mean(
    words: sqlite3.Connection, text: str, expected: list[int]
) -> None:
    assert found(words, text) == expected


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "empty"),
        (" & ", "empty"),
        ('lease "time is', "character 7"),
        ('lease "" notice', "character 7"),
        ("(lease", "character 1 is not closed"),
        ("lease)", "character 6"),
        ("lease AND", "character 10"),
        ("OR lease", "character 1"),
        ("NOT lease", "character 1"),
        ("lease OR NOT notice", "character 10"),
        ("(a AND b) w/5 c", "character 11"),
        ("a w/500 b", "character 3"),
        ("w/5 b", "character 1"),
        ("a w/s b", "w/s at character 3"),
        ("in*emnify", "character 1"),
        ("(" * 40 + "a" + ")" * 40, "character 17"),
        ("a " * 51, "50 words"),
        ("a" * 1001, "1001"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_place(text: str, place: str) -> None:
    with pytest.raises(BadRequest, match=r"\.$") as told:
        parse(text)
    assert place in told.value.message


def test_terms_and_phrases_are_those_that_are_looked_for() -> None:
    query = parse('terminat* AND "break  notice" NOT (waiver OR "side letter") w/3 rent OR terminat*')
    assert query.terms == ("terminat",)
    assert query.phrases == ("break notice",)


pieces = st.sampled_from(
    [
        "AND",
        "OR",
        "NOT",
        "NEAR/3",
        "w/2",
        "(",
        ")",
        '"',
        "“",
        "lease*",
        "a!",
        "b",
        "*",
        "^",
        ":",
        "{",
        "+",
        "-",
    ]
)


@given(
    st.one_of(
        st.text(max_size=80), st.lists(st.one_of(pieces, st.text(max_size=3)), max_size=25).map(" ".join)
    )
)
def test_any_text_is_an_expression_that_sqlite_takes_or_a_bad_request(
    words: sqlite3.Connection, text: str
) -> None:
    try:
        query = parse(text)
    except BadRequest:
        return
    words.execute("SELECT rowid FROM words WHERE words MATCH ?", (query.fts,)).fetchall()
    assert all(word in " ".join(text.replace("\0", " ").split()) for word in query.terms)


def test_the_deepest_and_widest_query_is_taken(words: sqlite3.Connection) -> None:
    deep = "(a OR " * 16 + "b" + ")" * 16
    wide = " NOT ".join(f"w{n}*" for n in range(50))
    for text in (deep, wide, " OR ".join(f"w{n}" for n in range(50)), " w/1 ".join("abcdefgh")):
        words.execute("SELECT rowid FROM words WHERE words MATCH ?", (parse(text).fts,)).fetchall()
