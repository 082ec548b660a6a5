import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.retrieval.loaders.numbering import formatted

from .made import checked, docx, paragraph, read, texts


def level(depth: int, text: str, form: str = "decimal", more: str = "") -> str:
    return (
        f'<w:lvl w:ilvl="{depth}"><w:start w:val="1"/><w:numFmt w:val="{form}"/>{more}'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
    )


LEGAL = (
    '<w:abstractNum w:abstractNumId="7">'
    + level(0, "Article %1", "upperRoman", '<w:pStyle w:val="Clause"/>')
    + level(1, "%1.%2", "decimal", '<w:isLgl/><w:pStyle w:val="Sub"/>')
    + level(2, "(%3)", "lowerLetter")
    + level(3, "\uf0b7", "bullet")
    + "</w:abstractNum>"
    '<w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num>'
    '<w:num w:numId="2"><w:abstractNumId w:val="7"/>'
    '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="9"/></w:lvlOverride></w:num>'
)
STYLES = (
    '<w:style w:type="paragraph" w:styleId="Clause"><w:name w:val="Clause"/><w:pPr><w:outlineLvl w:val="0"/>'
    '<w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="Sub"><w:name w:val="Sub"/><w:basedOn w:val="Clause"/>'
    '<w:pPr><w:outlineLvl w:val="9"/></w:pPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="Loop"><w:basedOn w:val="Loop"/></w:style>'
)


def numbered(text: str, depth: int = 0, number: int = 1) -> str:
    return paragraph(text, f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/></w:numPr>')


def test_levels_count_and_begin_anew() -> None:
    body = [
        numbered("a"),
        numbered("b", 1),
        numbered("c", 2),
        numbered("d", 2),
        numbered("e", 1),
        numbered("f", 2),
    ]
    body += [numbered("g"), numbered("h", 1), numbered("i", 3), paragraph("plain"), numbered("j", 1)]
    assert texts(checked(read(docx("".join(body), numbering=LEGAL), "a.docx"))) == [
        "Article I a",
        "1.1 b",
        "(a) c",
        "(b) d",
        "1.2 e",
        "(a) f",
        "Article II g",
        "2.1 h",
        "• i",
        "plain",
        "2.2 j",
    ]


def test_lists_of_one_definition_count_on_and_an_override_starts_anew_once() -> None:
    body = numbered("a") + numbered("b", number=2) + numbered("c", number=2) + numbered("d", number=1)
    document = read(docx(body, numbering=LEGAL), "a.docx")
    assert texts(document) == ["Article I a", "Article IX b", "Article X c", "Article XI d"]


def test_numbering_and_headings_by_style() -> None:
    body = "".join(
        paragraph(text, f'<w:pStyle w:val="{style}"/>')
        for style, text in [("Clause", "Rent"), ("Sub", "due monthly"), ("Sub", "in advance"), ("Loop", "x")]
    )
    body += paragraph("no number", '<w:pStyle w:val="Sub"/><w:numPr><w:numId w:val="0"/></w:numPr>')
    document = read(docx(body, numbering=LEGAL, styles=STYLES), "a.docx")
    assert texts(document) == ["Article I Rent", "1.1 due monthly", "1.2 in advance", "x", "no number"]
    assert [(b.style, b.level) for b in document.blocks[:2]] == [("heading", 1), ("list", 0)]


@pytest.mark.parametrize(
    ("n", "form", "printed"),
    [
        (1, "lowerLetter", "a"),
        (28, "upperLetter", "BB"),
        (1994, "upperRoman", "MCMXCIV"),
        (4, "lowerRoman", "iv"),
        (7, "decimalZero", "07"),
        (22, "ordinal", "22nd"),
        (13, "ordinal", "13th"),
        (21, "cardinalText", "Twenty-one"),
        (12, "ordinalText", "Twelfth"),
        (30, "ordinalText", "Thirtieth"),
        (5, "none", ""),
        (5, "chineseCounting", "5"),
        (5000, "upperRoman", "5000"),
        (0, "lowerLetter", "0"),
    ],
)
def test_formats(n: int, form: str, printed: str) -> None:
    assert formatted(n, form) == printed


@given(
    st.integers(-5, 10**7),
    st.sampled_from(["lowerLetter", "upperRoman", "ordinalText", "ordinal", "decimal"]),
)
def test_every_number_prints(n: int, form: str) -> None:
    assert formatted(n, form)
