import pytest

from service.retrieval.loaders.headings import heading_level, starts_clause


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("ARTICLE IV – TERM AND TERMINATION", 1),
        ("Section 2.1 Fees", 2),
        ("Schedule A", 1),
        ("1. Definitions", 1),
        ("2.3 Limitation of Liability", 2),
        ("2.3.1 Cap on the Fees.", 3),
        ("GOVERNING LAW", 1),
        ("5. Interest on late payment", 1),
        ("5.2 Interest on late payment.", 0),
        ("8.1 Term 25", 0),  # a table of contents
        ("Definitions ........ 3", 0),
        ("ARTICLE 9 INTELLECTUAL PROPERTY 27", 0),
        ("12 March 2020, at the office", 0),
        ("555 Seventh Street", 0),
        ("1. The fee is due on the first day.", 0),
        ("1. The Buyer shall pay,", 0),
        ("This is a sentence.", 0),
        ("", 0),
    ],
)
def test_heading_level(line: str, level: int) -> None:
    assert heading_level(line) == level


@pytest.mark.parametrize(
    "line", ["1. x", "1.2 x", "(a) x", "(iv) x", "a) x", "• x", "Article 5", "  12.3.4. x"]
)
def test_starts_clause(line: str) -> None:
    assert starts_clause(line)


@pytest.mark.parametrize("line", ["30 days", "The", "USD 5", "1999 was", "(see above) x", ""])
def test_does_not_start_a_clause(line: str) -> None:
    assert not starts_clause(line)
