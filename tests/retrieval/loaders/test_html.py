import pytest

from service.core import State
from service.retrieval.loaders import Unreadable, original_text

from .made import checked, read, texts

PAGE = """<!DOCTYPE html><html><head><title>Lease</title><style>p{}</style></head><body>
<h1>Lease <small>of</small> land</h1>
<p>The rent&nbsp;is
   <b>due</b>.<br>Monthly.</p>
<script>let a = 1;</script><p style="display: none">Unseen</p><div hidden>Gone<p>too</p></div>
<ol start="3"><li>One<li><p>Two</p><p>and more</p><ol type="a"><li>Deep</li></ol></ol>
<ul><li>Point</li></ul>
<table><tr><th>Item</th><th></th><th>Price</th></tr><tr><td colspan=2>Desk</td><td>5<br>EUR</td></tr></table>
<pre>a
  b</pre><img src="http://x.example/a.png">
</body></html>"""


def test_a_page_as_a_reader_sees_it() -> None:
    document = checked(read(PAGE.encode(), "a.html"))
    assert texts(document) == [
        "Lease of land",
        "The rent is due.\nMonthly.",
        "3. One",
        "4. Two",
        "and more",
        "a. Deep",
        "• Point",
        "Item\t\tPrice\nDesk\t\t5 EUR",
        "a\nb",
    ]
    styles = [block.style for block in document.blocks]
    assert styles == [
        "heading",
        "paragraph",
        "list",
        "list",
        "paragraph",
        "list",
        "list",
        "table",
        "paragraph",
    ]


def test_what_is_left_out_is_counted() -> None:
    ledger = read(PAGE.encode(), "a.html").ledger
    assert [(entry.fate, entry.characters) for entry in ledger] == [
        ("dropped", 18),
        ("hidden", 13),
        ("unread", 0),
    ]


def test_a_table_that_lays_out_the_page_is_text() -> None:
    clause = "The tenant keeps the premises in good repair. " * 9
    inner = "<table><tr><td>a</td><td>b</td></tr></table>"
    document = checked(
        read(
            f"<html><table><tr><td>1.</td><td><p>{clause}</p><p>{clause}</p>{inner}</td></tr></table>".encode(),
            "a.html",
        )
    )
    assert [block.style for block in document.blocks] == ["paragraph"] * 3 + ["table"]


def test_marked_insertions_and_deletions() -> None:
    page = '<html><p>The fee is <del datetime="2024-01-01">USD 1</del> <ins>USD 900</ins> a year.</p></html>'
    document = read(page.encode(), "a.html")
    assert document.text == "The fee is USD 900 a year."
    assert original_text(document).split() == ["The", "fee", "is", "USD", "1", "a", "year."]
    assert [(mark.kind, mark.date) for mark in document.marks] == [
        ("deleted", "2024-01-01"),
        ("inserted", ""),
    ]


def test_the_character_set_that_the_page_names() -> None:
    page = '<html><meta http-equiv="Content-Type" content="text/html; charset=windows-1251"><p>Договор</p></html>'
    assert read(page.encode("cp1251"), "a.html").text == "Договор"
    assert read("<html><p>Kündigung</p></html>".encode("utf-16"), "a.html").text == "Kündigung"
    wrong = '<html><meta charset="no-such-thing"><p>Kündigung</p></html>'
    assert read(wrong.encode(), "a.html").text == "Kündigung"


def test_a_page_made_to_take_long() -> None:
    for hostile in (
        "<div>" * 1_000 + "x",
        "<p>x" * 10_000,
        "<!--" * 50_000 + "--><p>x",
        "<a b=" * 50_000 + "><p>x",
    ):
        document = checked(read(f"<html>Rent.{hostile}".encode(), "a.html"))
        assert document.text.startswith("Rent.")


@pytest.mark.parametrize("tag", ["<div>", "<table><tr><td>", "<b>"])
def test_nesting_without_end_is_refused_rather_than_cut(tag: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(f"<html>Rent.{tag * 50_000}x".encode(), "a.html")
    assert caught.value.state is State.DAMAGED


UNSEEN = (
    '<i style="color:#FFF">x</i>',
    '<font color="white">x</font>',
    '<i style="color: rgb(255, 255, 255);">x</i>',
    '<i style="font-size:0.5px">x</i>',
    '<i style="font-size:5%">x</i>',
    '<i style="position:absolute; left:-9999px">x</i>',
    '<i style="opacity:0">x</i>',
    '<i style="visibility:hidden">x</i>',
    "<i hidden>x</i>",
)
SEEN = (
    '<i style="color:#FFF;background:#000">x</i>',
    '<b style="background-color:black"><i style="color:white">x</i></b>',
    '<b class="dark"><i style="color:white">x</i></b>',
    '<i style="background-color:white">x</i>',
    '<i style="font-size:12pt">x</i>',
    '<i style="opacity:0.5">x</i>',
    '<i style="left:-10px">x</i>',
    '<i aria-hidden="true">x</i>',
)


@pytest.mark.parametrize("element", [*UNSEEN, *SEEN])
def test_what_nobody_sees_is_not_in_the_text_and_told(element: str) -> None:
    document = read(f"<html><body><p>Rent {element} due</p></body></html>".encode(), "a.html")
    told = [(entry.fate, entry.characters) for entry in document.ledger]
    expected = ("Rent due", [("hidden", 1)]) if element in UNSEEN else ("Rent x due", [])
    assert (document.text, told) == expected


def test_remarks_in_the_source_are_told_and_cost_nothing_around_them() -> None:
    page = b"<html><body><p>The <!-- do not pay -->rent<!--[if mso]>x<![endif]--> is <!---->due.</p></body></html>"
    document = checked(read(page, "a.html"))
    assert document.text == "The rent is due."
    assert [(entry.fate, entry.characters) for entry in document.ledger] == [("hidden", 10)]


def test_a_form_is_read_as_it_is_filled_in() -> None:
    page = """<html><body><form>Name: <input value="Anna"> <input type=submit value=Send>
    <select><option>Lessor<option selected>Lessee</select> <input type=checkbox checked> agreed
    <input type=hidden value=secret><textarea>By May.</textarea></form></body></html>"""
    document = checked(read(page.encode(), "a.html"))
    assert document.text.split() == ["Name:", "Anna", "Lessee", "☒", "agreed", "By", "May."]
    assert [(entry.fate, entry.characters) for entry in document.ledger] == [("dropped", 12)]
