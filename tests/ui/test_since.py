"""What the page says of sources that have changed since an answer, and that it marks no other text for a cited one."""

from typing import Any

import pytest

from tests.ui.desks import checked, cited, desk, document, filed, plain, talk
from tests.ui.test_acts import Service, do
from ui import chat
from ui.client import ApiError
from ui.desk import Desk, Source
from ui.panes import draw
from ui.panes.talk import plain as copied
from ui.replies import Citation, Standing

TEXT = "1. Rent. The rent is 900 pounds. 2. Notice. Notice is sixty days."
QUOTE = "Notice is sixty days."
AT = TEXT.index(QUOTE)
LOST = "Letter.docx is now version 3; the cited words are no longer in it."
STILL = "Letter.docx is now version 3; the cited words are still in it."
GONE = "Letter.docx has been deleted."


def standing(**change: Any) -> Standing:
    now = Standing(
        state="changed", kept=True, document="d3", title="Letter.docx", version=3, place=None, told=LOST
    )
    return now | change  # type: ignore[return-value]


def at(start: int) -> dict[str, object]:
    return {"start": start, "end": start + len(QUOTE), "page": 1, "heading": "9 Notice"}


def quoted(now: Standing | None = None, **change: Any) -> Citation:
    one = cited(title="Letter.docx", quote=QUOTE, start=AT, end=AT + len(QUOTE), version=1, family="d1")
    return one | ({"standing": now} if now else {}) | change  # type: ignore[return-value]


def laid(*citations: Citation, changed: str = "") -> Desk:
    return desk(turns=talk("Sixty days [1].", checked(*citations, changed=changed)), conversation="c1")


def kept(text: str = TEXT, id: str = "d1", **change: Any) -> dict[str, Any]:
    card = plain(id=id, **change)
    return {f"documents__{id}": card, f"documents__{id}__text": text}


def test_while_all_is_as_it_was_nothing_is_said() -> None:
    html = draw(laid(quoted(standing(state="current", document="d1", told="", place=at(AT)))))["talk"]
    assert "since" not in html


def test_a_changed_source_is_marked_and_told_under_the_answer() -> None:
    line = f"1 of 2 sources has changed since: {LOST}"
    html = draw(laid(quoted(standing()), cited(2), changed=line))["talk"]
    assert html.count('class="chip since lost"') == 2, "in the words and beside the evidence"
    assert f'<small class="since lost">{LOST}</small>' in html
    assert f'<p class="since lost" role="note">{line}</p>' in html
    assert f'title="Open source 1: {LOST}"' in html
    assert html.index("</article>") > html.index(line) > html.index("Sixty days")


def test_where_the_words_still_stand_the_mark_is_calm() -> None:
    html = draw(laid(quoted(standing(place=at(0), told=STILL)), changed=STILL))["talk"]
    assert 'class="chip since"' in html
    assert "lost" not in html


def test_what_is_told_is_text_and_nothing_else() -> None:
    hostile = '<img src=x onerror="hacked=1">'
    one = quoted(standing(told=hostile))
    shown = laid(one, changed=hostile)
    shown.source = Source(plain(), TEXT, one, "a1", 1)
    for html in draw(shown).values():
        assert "<img" not in html


def test_the_copy_says_it_too() -> None:
    assert copied("Sixty days.", checked(quoted(standing()), changed=LOST)).endswith(LOST)


# --- opening


def test_the_cited_version_opens_and_says_that_it_is_that() -> None:
    shown = laid(quoted(standing()))
    do(chat.cite, Service(**kept(current=False)), shown, answer="a1", n="1")
    assert shown.source is not None
    html = draw(shown)["source"]
    assert f"This is version 1, as it was cited. {LOST}" in html
    assert 'data-act="cite_newer"' in html
    assert f"<mark>{QUOTE}</mark>" in html


def test_the_newer_version_opens_at_the_words_and_leads_back() -> None:
    new = f"Preamble. {TEXT}"
    shown = laid(quoted(standing(place=at(new.index(QUOTE)), told=STILL)))
    do(chat.cite_newer, Service(**kept(new, "d3", version=3)), shown, answer="a1", n="1")
    html = draw(shown)["source"]
    assert "This is version 3, which counts now; the answer cited version 1." in html
    assert f"<mark>{QUOTE}</mark>" in html
    assert 'data-act="cite"' in html


def test_the_newer_version_without_the_words_marks_nothing() -> None:
    shown = laid(quoted(standing()))
    text = "Something else stands here, and at the same place. It is long enough to be marked by mistake."
    do(chat.cite_newer, Service(**kept(text, "d3", version=3)), shown, answer="a1", n="1")
    html = draw(shown)["source"]
    assert "<mark" not in html
    assert LOST in html


def test_a_file_that_was_read_anew_marks_the_words_where_they_stand_now() -> None:
    new = f"Page 1 of 2. {TEXT}"
    told = "Letter.docx has been read anew; the cited words are still in it."
    now = standing(document="d1", version=1, kept=False, place=at(new.index(QUOTE)), told=told)
    shown = laid(quoted(now))
    do(chat.cite, Service(**kept(new)), shown, answer="a1", n="1")
    html = draw(shown)["source"]
    assert f"<mark>{QUOTE}</mark>" in html
    assert told in html


@pytest.mark.parametrize("now", [None, standing(document="d1", kept=False)])
def test_another_text_is_never_marked_for_the_cited_one(now: Standing | None) -> None:
    """Also where nobody has said yet that the file was read anew."""
    shown = laid(quoted(now))
    do(chat.cite, Service(**kept(TEXT.replace("sixty", "ninety"))), shown, answer="a1", n="1")
    html = draw(shown)["source"]
    assert "<mark" not in html
    assert "the cited words are no longer in it" in html


def test_pages_of_a_file_that_was_read_anew_are_not_marked() -> None:
    shown = laid(quoted(None))
    service = Service(documents__d1=document(), documents__d1__text="Other words entirely, of that length.")
    do(chat.cite, service, shown, answer="a1", n="1")
    assert shown.source is not None
    assert (shown.source.paged, shown.source.marks, shown.source.astray) == (True, [], True)


def test_what_is_gone_is_told_and_opens_nothing() -> None:
    shown = laid(quoted(standing(state="gone", kept=False, document="", version=0, told=GONE)))
    with pytest.raises(ApiError, match=f"{GONE} What was cited can no longer be opened"):
        do(chat.cite, Service(), shown, answer="a1", n="1")
    assert shown.source is None


def test_a_conversation_opens_at_the_first_source_that_can_be_opened() -> None:
    gone = quoted(standing(state="gone", kept=False, document="", told=GONE), document="d0")
    turns = talk("Sixty days [1].", checked(gone, quoted(None, n=2)))
    service = Service(
        conversations__c1={"id": "c1", "matter": "m1", "title": "", "turns": turns},
        **kept(),
    )
    shown = desk()
    do(chat.open_conversation, service, shown, id="c1")
    assert shown.source is not None
    assert shown.source.citation is not None
    assert shown.source.citation["n"] == 2


# --- while it lies open


def test_news_reach_the_open_conversation_and_its_source() -> None:
    shown = laid(quoted(standing(state="current", document="d1", told="", place=at(AT))))
    do(chat.cite, Service(**kept()), shown, answer="a1", n="1")
    assert "version" not in draw(shown)["source"]
    turns = talk("Sixty days [1].", checked(quoted(standing()), changed=LOST))
    do_look(Service(conversations__c1={"turns": turns}), shown)
    html = draw(shown)
    assert LOST in html["talk"]
    assert LOST in html["source"]
    assert shown.turns[1]["privity"]["changed"] == LOST


def do_look(service: Service, shown: Desk) -> None:
    async def look(api: Any, desk: Desk, event: dict[str, str]) -> None:
        await chat.look_again(api, desk)

    do(look, service, shown)


def test_who_lost_access_no_longer_has_it_on_the_page() -> None:
    shown = laid(quoted(standing()))
    shown.source = Source(plain(), TEXT, quoted(standing()), "a1", 1)
    with pytest.raises(ApiError):
        do_look(Service(), shown)
    assert (shown.turns, shown.source, shown.conversation) == ([], None, "")
    assert "sixty" not in str(draw(shown))


def test_nothing_is_asked_while_no_conversation_is_open() -> None:
    service = Service()
    do_look(service, desk())
    do_look(service, desk(view="library", turns=laid(quoted()).turns))
    assert service.asked == []


def test_a_version_without_a_citation_still_leads_to_the_one_that_counts() -> None:
    versions = [filed(id="d3", version=3), filed(id="d1", current=False)]
    shown = desk(source=Source(plain(versions=versions, current=False), TEXT))
    assert "This is version 1." in draw(shown)["source"]
