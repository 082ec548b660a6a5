import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.retrieval.loaders.furniture import furniture
from service.retrieval.loaders.layout import Line

BODY = ("The tenant pays the rent.", "The landlord keeps the roof.", "Either party may end the lease.")


def line(text: str, y: float, x: float = 72) -> Line:
    return Line(text, (x, y, x + 6 * len(text), y + 10))


def page(number: int, head: str = "", foot: str = "", body: int = 9) -> list[Line]:
    middle = [line(f"{BODY[i % 3]} ({chr(97 + number)}{i})", 100 + 14 * i) for i in range(body)]
    return [*([line(head, 30)] if head else []), *middle, *([line(foot, 800)] if foot else [])]


def left_out(pages: list[list[Line]]) -> list[list[str]]:
    gone = furniture(pages)
    return [
        [lines[i].text for i in sorted(a | b)]
        for lines, a, b in zip(pages, gone.running, gone.numbers, strict=True)
    ]


def test_a_header_stays_once_and_goes_from_the_other_pages() -> None:
    pages = [page(n, head=f"Case 24-{n} Filed 3/4/24") for n in range(4)]
    assert left_out(pages) == [
        [],
        ["Case 24-1 Filed 3/4/24"],
        ["Case 24-2 Filed 3/4/24"],
        ["Case 24-3 Filed 3/4/24"],
    ]


@pytest.mark.parametrize("form", ["{}", "Page {} of 9", "- {} -", "A-{}", "[{}]"])
def test_numbers_that_go_up_with_the_pages_are_page_numbers(form: str) -> None:
    pages = [page(n, foot=form.format(n + 4)) for n in range(3)]
    assert left_out(pages) == [[form.format(n + 4)] for n in range(3)]


def test_roman_page_numbers() -> None:
    assert left_out([page(n, foot=("iii", "iv", "v")[n]) for n in range(3)]) == [["iii"], ["iv"], ["v"]]


def test_numbers_that_do_not_go_on_are_text() -> None:
    assert left_out([page(n, foot=("12", "900", "4")[n]) for n in range(3)]) == [[], [], []]


def test_a_header_of_left_pages_alone() -> None:
    pages = [page(n, head="Lease of offices" if n % 2 else "") for n in range(8)]
    assert left_out(pages)[1::2] == [[], *[["Lease of offices"]] * 3]


def test_a_line_on_few_pages_or_elsewhere_on_the_page_is_text() -> None:
    assert not any(left_out([page(n, head="Signed" if n < 3 else "") for n in range(9)]))
    assert not any(left_out([[line("Signed", 30 + 40 * n), *page(n)] for n in range(4)]))


def test_repeated_pages_are_no_header() -> None:
    assert not any(left_out([page(0, head="IN WITNESS WHEREOF") for _ in range(5)]))


def test_nothing_inside_a_page_goes() -> None:
    pages = [[*page(n), line("The rent is due on the first.", 160), line("end", 700)] for n in range(5)]
    assert not any("The rent is due on the first." in gone for gone in left_out(pages))


texts = st.sampled_from(["Head", "Page 1", "3", "iv", "The rent is due.", "Foot 7"])
lines = st.lists(
    st.builds(line, texts, st.sampled_from([20.0, 40.0, 400.0, 780.0, 800.0]), st.floats(0, 500)), max_size=8
)


@settings(deadline=None)
@given(st.lists(lines, max_size=8))
def test_every_running_line_stays_somewhere_and_numbers_are_numbers(pages: list[list[Line]]) -> None:
    gone = furniture(pages)
    left = {
        "".join(c for c in line.text if not c.isdigit())
        for n, page in enumerate(pages)
        for i, line in enumerate(page)
        if i not in gone.running[n] | gone.numbers[n]
    }
    for n, page in enumerate(pages):
        assert gone.running[n] | gone.numbers[n] <= set(range(len(page)))
        assert all("".join(c for c in page[i].text if not c.isdigit()) in left for i in gone.running[n])
        assert all(len(page[i].text) < 30 for i in gone.numbers[n])
