"""A matter deleted from the page: its name is typed, and all that goes is named."""

from tests.ui.desks import desk
from tests.ui.test_acts import Service, do
from ui import chat
from ui.panes.frame import title
from ui.replies import Matter

OTHER = Matter(id="m2", name="Lyle: appeal", created=0, documents=1, members=1)


def test_the_question_names_what_goes_and_wants_the_name() -> None:
    laid = desk()
    html = title(laid)
    for words in ("Delete this matter…", "14 documents", "conversation and answer", "1 other member, too"):
        assert words in html
    assert 'data-match="Harrow Estates v Lyle"' in html
    laid.matters, laid.matter = [OTHER], "m2"
    assert "other member" not in title(laid)
    laid.matters, laid.matter = [], ""
    assert "Delete this matter" not in title(laid)


def test_a_deleted_matter_gives_way_to_another_one() -> None:
    laid = desk(conversation="c1", conversations=[{"id": "c1"}])
    service = Service(
        matters={"matters": [OTHER]},
        matters__m1={},
        adapters={"adapters": []},
        matters__m2={"adapter": None},
        conversations={"conversations": []},
    )
    do(chat.delete_matter, service, laid, value=" Harrow Estates v Lyle ")
    assert ("/api/matters/m1", None) in service.asked
    assert (laid.matter, laid.conversation, laid.conversations) == ("m2", "", [])
    assert laid.notice == "Harrow Estates v Lyle was deleted."


def test_the_last_matter_leaves_an_empty_desk() -> None:
    laid = desk()
    do(
        chat.delete_matter,
        Service(matters={"matters": []}, matters__m1={}),
        laid,
        value="Harrow Estates v Lyle",
    )
    assert (laid.matter, laid.matters, laid.conversations) == ("", [], [])


def test_another_name_deletes_nothing() -> None:
    laid, service = desk(), Service()
    do(chat.delete_matter, service, laid, value="Harrow")
    assert service.asked == []
    assert "Nothing was deleted" in laid.notice
    assert laid.matter == "m1"
