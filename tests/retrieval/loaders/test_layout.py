from hypothesis import given, settings
from hypothesis import strategies as st

from service.retrieval.loaders.blocks import Laid, compose
from service.retrieval.loaders.glyph import Glyph
from service.retrieval.loaders.layout import lines

SIZE = 10.0


def arrange(glyphs: list[Glyph]) -> Laid:
    return compose(lines(glyphs))


def drawn(text: str, x: float = 72, y: float = 100, size: float = SIZE, bold: bool = False) -> list[Glyph]:
    """Glyphs of one line, each half as wide as high."""
    wide = size / 2
    return [
        Glyph(c, (x + i * wide, y, x + (i + 1) * wide, y + size), bold)
        for i, c in enumerate(text)
        if c != "_"
    ]


def page(*texts: str, leading: float = 12) -> list[Glyph]:
    return [glyph for i, line in enumerate(texts) for glyph in drawn(line, y=100 + i * leading)]


def blocks(glyphs: list[Glyph]) -> list[str]:
    laid = arrange(glyphs)
    return [laid.text[a:b] for a, b, _, _ in laid.spans]


FULL = "these words fill the whole of the line and"


def test_lines_of_a_paragraph_are_joined_by_spaces() -> None:
    assert blocks(page(FULL, FULL, "stop.")) == [f"{FULL} {FULL} stop."]


def test_a_line_that_ends_early_ends_its_paragraph() -> None:
    assert blocks(page(FULL, "stop.", "Another begins.")) == [f"{FULL} stop.", "Another begins."]
    assert blocks(page("Anna Berg", "Main Street 5", FULL)) == ["Anna Berg", f"Main Street 5 {FULL}"]


def test_a_gap_parts_paragraphs_also_where_lines_are_double_spaced() -> None:
    upper = page(FULL, FULL, FULL, leading=24)
    lower = [Glyph(g.text, (g.box[0], g.box[1] + 100, g.box[2], g.box[3] + 100)) for g in upper]
    assert blocks(upper + lower) == [f"{FULL} {FULL} {FULL}"] * 2


def test_a_gap_between_glyphs_is_a_space_and_a_hyphen_stays() -> None:
    assert blocks(page("two__words and some that do not end in non-", "compete.")) == [
        "two words and some that do not end in non-compete."
    ]


def test_a_clause_number_is_parted_from_its_title_by_the_smallest_gap() -> None:
    assert blocks(drawn("2.1") + drawn("Rent is due", x=72 + 3 * 5 + 0.6)) == ["2.1 Rent is due"]
    assert blocks(drawn("2.1A") + drawn("Rent is due", x=72 + 5 * 5)) == ["2.1A Rent is due"]
    assert blocks(drawn("of 2.1") + drawn("Mb", x=72 + 6 * 5 + 0.6)) == ["of 2.1Mb"]


def test_columns_follow_one_another() -> None:
    right = drawn("right one", x=400) + drawn("right two.", x=400, y=112)
    assert "left two.\n\nright one" in arrange(drawn("left one") + drawn("left two.", y=112) + right).text


def test_a_page_that_the_file_holds_from_bottom_to_top_is_read_from_the_top() -> None:
    rows = [drawn(f"Line {i}.", y=100 + 30 * i) for i in range(6)]
    upwards = [glyph for row in reversed(rows) for glyph in row]
    assert blocks(upwards) == [f"Line {i}." for i in range(6)]


def test_headings_by_size_and_weight() -> None:
    glyphs = drawn("Lease of offices", size=18) + drawn("Parties", y=140, bold=True) + drawn(FULL, y=160)
    assert [(s.style, s.level) for s in arrange(glyphs).spans] == [
        ("heading", 1),
        ("heading", 2),
        ("paragraph", 0),
    ]


def test_no_glyphs_no_text() -> None:
    assert arrange([]).text == ""
    assert arrange([Glyph(" ", (0, 0, 0, 0))]).spans == ()


number, extent = st.floats(-1e4, 1e4), st.floats(0, 100)
sized = st.builds(lambda x, y, w, h: (x, y, x + w, y + h), number, number, extent, extent)
glyph = st.builds(
    Glyph,
    st.sampled_from(["a", "B", " ", "-", "ffi", "1", ".", "(", "•"]),
    sized,
)


@settings(deadline=None)
@given(st.lists(glyph, max_size=60))
def test_every_character_comes_from_its_glyph_and_none_is_lost(glyphs: list[Glyph]) -> None:
    found = lines(glyphs)
    origin = [i for line in found for i in line.origin]
    laid = compose(found)
    assert sorted(set(origin)) == [i for i, g in enumerate(glyphs) if not g.blank]
    assert "".join(laid.text.split()) == "".join(glyphs[i].text for i in dict.fromkeys(origin))
    assert all(c in glyphs[i].text for c, i in zip("".join(laid.text.split()), origin, strict=True))
    ends = [0]
    for span in laid.spans:
        assert ends[-1] <= span.start < span.end
        ends.append(span.end)
    assert ends[-1] == len(laid.text)
