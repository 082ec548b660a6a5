"""Adapters on the page: what is said of one, who is offered which deed, the picker, and a comparison."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.ui.desks import checked, cited, desk
from tests.ui.stock import HARROW, adapter, deed, figures, model, refused, version
from tests.ui.test_acts import Service, do
from tests.ui.test_client import LAST, Stream, api, word
from tests.ui.test_panes import HOSTILE, read, seen
from ui import adapters, chat, compare
from ui.client import ApiError
from ui.desk import Desk, Ended, Live, Side, Versus
from ui.panes import draw
from ui.panes.picker import since
from ui.replies import BASE, Adapter, Me, Turn

ADMIN = Me(id="u0", name="ada", role="admin")
TRAINER = Me(id="u2", name="tess", role="trainer")
SPLIT = adapter(
    version(3, state="published"), version(4), published=3, candidate=4, share=10, figures={"4": figures()}
)


def looked_at(card: Adapter, number: int = 1, me: Me = ADMIN) -> Desk:
    return desk(view="adapters", adapter=card, version=number, me=me)


def beside(laid: Desk) -> str:
    return draw(laid)["source"]


def deeds(html: str) -> set[str]:
    known = ("publish", "rollback", "withdraw", "retire", "split")
    return {one for one in known if f'data-act="{one}"' in html}


# --- the frame


@pytest.mark.parametrize(("role", "shown"), [("member", False), ("trainer", True), ("admin", True)])
def test_the_way_to_the_adapters_is_shown_to_those_who_manage_them(role: Any, shown: bool) -> None:
    rail = draw(desk(me=Me(id="u", name="n", role=role)))["rail"]
    assert ('data-id="adapters"' in rail) == shown
    assert f'data-role="{role}"' in rail


def test_the_page_is_told_which_row_is_looked_at() -> None:
    assert 'data-adapter="contract-qa@4"' in draw(looked_at(SPLIT, 4))["rail"]
    assert 'data-adapter="refused/i1"' in draw(desk(view="adapters", admission=refused("No.")))["rail"]


# --- the inspector


@pytest.mark.parametrize(
    ("card", "number", "offered"),
    [
        (adapter(), 1, {"publish", "retire"}),
        (adapter(version(1, state="published"), published=1), 1, {"withdraw"}),
        (
            adapter(version(1), version(2, state="published"), published=2, previous=1),
            2,
            {"rollback", "withdraw"},
        ),
        (
            adapter(version(1), version(2, state="published"), published=2, previous=1),
            1,
            {"publish", "rollback", "retire", "split"},
        ),
        (SPLIT, 4, {"publish", "split"}),
        (adapter(version(1, state="retired")), 1, set()),
        (adapter(version(1, state="misfit")), 1, {"retire"}),
        (adapter(kind="search"), 1, {"publish", "retire"}),
        (adapter(version(1, state="published", searches=True), kind="search", published=1), 1, set()),
        (
            adapter(
                version(1, searches=True),
                version(2, state="published"),
                kind="search",
                published=2,
                previous=1,
            ),
            1,
            {"publish", "rollback"},
        ),
        (
            adapter(
                version(1, searches=True),
                version(2, state="published"),
                kind="search",
                published=2,
                previous=1,
            ),
            2,
            {"rollback"},
        ),
    ],
)
def test_an_admin_is_offered_what_can_be_done(card: Adapter, number: int, offered: set[str]) -> None:
    assert deeds(beside(looked_at(card, number))) == offered


def test_a_trainer_is_told_whose_deeds_they_are() -> None:
    html = beside(looked_at(SPLIT, 4, TRAINER))
    assert deeds(html) == set()
    assert "An admin publishes, rolls back and retires." in seen(html)


def test_going_back_and_going_away_ask_first() -> None:
    card = adapter(version(1), version(2, state="published"), published=2, previous=1)
    html = beside(looked_at(card, 1))
    for what in ("rollback", "retire"):
        assert "data-confirm" in html.split(f'data-act="{what}"')[1].split(">")[0]
    assert "data-confirm" in beside(looked_at(card, 2)).split('data-act="withdraw"')[1].split(">")[0]
    assert "Roll Contract Q&amp;A back to v1?" in html


def test_what_serves_the_search_is_told_and_what_it_takes_to_change_it() -> None:
    two = (version(1, searches=True), version(2, state="published", probe={"moved": 0.41}))
    card = adapter(
        *two, kind="search", told="It serves the search from the next start on.", published=2, previous=1
    )
    serving, coming = beside(looked_at(card, 1)), beside(looked_at(card, 2))
    assert "v1 serves the search until the next start" in seen(serving)
    assert "v2 published, not serving yet" in seen(coming)
    assert "It serves the search from the next start on." in seen(coming)
    assert "turns the vectors by up to 0.41" in seen(coming)
    assert "today" not in seen(coming).split("Learned")[0], "it answers nothing"
    for html, done in ((serving, "publish"), (coming, "rollback")):
        assert "built anew in the background" in html.split(f'data-act="{done}"')[1].split(">")[0]
    assert "v1 ready, not published" in seen(beside(looked_at(adapter(kind="search"), 1)))


def test_an_adapter_of_matters_beyond_the_wall_is_not_exported() -> None:
    assert "/versions/1/file" in beside(looked_at(adapter()))
    hidden = beside(looked_at(adapter(version(matters=[HARROW], hidden_matters=2))))
    assert "/versions/1/file" not in hidden
    assert "Harrow Estates v Lyle, 2 matters of others" in seen(hidden)


def test_a_split_stands_side_by_side_and_ends_either_way_with_a_click() -> None:
    html = beside(looked_at(SPLIT, 3))
    said = seen(html)
    assert "Split: v3 90 % · v4 10 %" in said
    assert "Citations verified—99.0 %" in said
    assert "First word, p95—0.61 s" in said
    assert 'data-act="split" data-name="contract-qa" data-version="4" data-share="0">Keep v3' in html
    assert 'data-act="publish" data-name="contract-qa" data-version="4">Publish v4' in html


def test_the_history_says_in_plain_words_what_was_done_and_by_whom() -> None:
    history = [
        deed("split", 4, after="0 %"),
        deed("split", 4, after="10 %"),
        deed("rollback", 2),
        deed("publish", None),
        deed("publish", 3, by=""),
        deed("fix", None, after="contract-qa", matter=HARROW),
        deed("fix", None, after="contract-qa", matter={"id": "m9", "name": ""}),
        deed("admit", 3),
    ]
    said = seen(beside(looked_at(adapter(history=history))))
    for words in (
        "Split ended, v4 got no morepriya",
        "v4 given 10 % of questionspriya",
        "Rolled back to v2priya",
        "Withdrawnpriya",
        "v3 publishedthe house",
        "Fixed for Harrow Estates v Lyle",
        "Fixed for a matter",
        "v3 came in",
    ):
        assert words in said


def test_a_refusal_tells_every_reason_and_what_to_do() -> None:
    reasons = ("It uses DoRA. Train with plain LoRA.", "adapter_model.bin is a pickle. Save as safetensors.")
    html = beside(desk(view="adapters", admission=refused(*reasons)))
    said = seen(html)
    assert all(reason in said for reason in reasons)
    assert "Archive: 2 reasons above" in said
    assert "Tensors match the base: not reached" in said
    assert "data-upload" in html


def hostile() -> list[Desk]:
    whole = version(
        digest=HOSTILE,
        base=HOSTILE,
        origin=HOSTILE,
        by=HOSTILE,
        people=[HOSTILE],
        matters=[{"id": "m", "name": HOSTILE}],
    )
    card = adapter(
        whole,
        version(2, state="published"),
        name=HOSTILE,
        title=HOSTILE,
        published=2,
        previous=1,
        history=[deed(HOSTILE, by=HOSTILE), deed("fix", after=HOSTILE, matter={"id": "m", "name": HOSTILE})],
    )
    turn = Turn(role="assistant", text=HOSTILE, created=0, privity=checked(cited(quote=HOSTILE)))
    sides = (
        Side(HOSTILE, None, turn),
        Side(HOSTILE, None, ended=Ended(HOSTILE, HOSTILE, HOSTILE, fault=True)),
    )
    picker = {
        "models": [BASE, model(HOSTILE, title=HOSTILE)],
        "model": HOSTILE,
        "fixed": HOSTILE,
        "me": ADMIN,
    }
    return [
        looked_at(card),
        looked_at(card | {"candidate": 1, "share": 5}),  # type: ignore[arg-type]
        desk(view="adapters", admission=refused(HOSTILE, name=HOSTILE, by=HOSTILE, id=HOSTILE)),
        desk(view="adapters", comparing=True, versus=Versus(HOSTILE, sides)),
        desk(
            view="adapters",
            comparing=True,
            versus=Versus(HOSTILE, (Side(HOSTILE, Live(HOSTILE, HOSTILE)), sides[0])),
        ),
        desk(**picker),
        desk(**picker | {"fixed": ""}),
    ]


@pytest.mark.parametrize("laid", hostile())
def test_words_from_outside_stay_words(laid: Desk) -> None:
    for name, html in draw(laid).items():
        parsed = read(html)
        assert not {"script", "img"} & parsed.tags, name
        assert "onerror" not in parsed.attributes, name


# --- the picker


def test_the_picker_says_in_plain_words_who_may_answer() -> None:
    laid = desk(models=[BASE, model(since=time.time())], model="contract-qa")
    said = seen(draw(laid)["title"])
    assert "Adapter Contract Q&A · v3" in said
    assert "Contract Q&Av3, published today" in said
    assert "The base modelno adapter" in said


def test_the_picker_without_adapters_says_so() -> None:
    assert "No adapter is published for this matter yet." in seen(draw(desk())["title"])


def test_a_matters_own_adapter_is_shown_as_such_and_its_members_may_change_it() -> None:
    laid = desk(models=[BASE, model()], model="base", fixed="contract-qa")
    html = draw(laid)["title"]
    assert "Contract Q&A fixed for this matter" in seen(html)
    assert laid.me is not None
    assert laid.me["role"] == "member"
    assert 'data-act="fix" data-id=""' in html
    laid.fixed, laid.model = "", "contract-qa"
    assert 'data-act="fix" data-id="contract-qa"' in draw(laid)["title"]


def test_a_day_is_told_as_a_person_would() -> None:
    now = time.time()
    assert since(now) == "today"
    assert since(now - 86400) == "yesterday"
    assert since(0.0).startswith("on ")


def test_an_answer_names_its_adapter_with_the_digest_under_the_pointer() -> None:
    behind = checked(cited(1), adapter={"name": "contract-qa", "version": 3, "digest": "9f2c" * 16})
    turn = Turn(role="assistant", text="Yes.", created=0, privity=behind)
    html = draw(desk(turns=[turn]))["talk"]
    assert f'<span title="{"9f2c" * 16}">contract-qa v3</span>' in html


# --- acts


def stocked(**replies: Any) -> Service:
    listed = {"adapters": [BASE, model()]}
    return Service(
        adapters=listed, matters__m1={"adapter": None}, conversations={"conversations": []}, **replies
    )


def test_a_deed_shows_what_became_of_the_adapter() -> None:
    service = stocked(adapters__x=adapter(version(), published=1), adapters__x__publish={})
    laid = desk(view="adapters", admission=refused("No."))
    do(adapters.publish, service, laid, name="x", version="1")
    assert ("/api/adapters/x/publish", {"version": 1}) in service.asked
    assert (laid.adapter is not None, laid.version, laid.admission) == (True, 1, None)
    assert [one["name"] for one in laid.models] == ["base", "contract-qa"]


@pytest.mark.parametrize(
    ("act", "event", "path", "body"),
    [
        (adapters.withdraw, {}, "publish", {"version": None}),
        (adapters.rollback, {}, "rollback", {}),
        (adapters.retire, {"version": "2"}, "retire", {"version": 2}),
        (adapters.split, {"version": "2", "share": "10"}, "split", {"version": 2, "share": 10}),
    ],
)
def test_each_deed_says_what_it_is_about(
    act: Any, event: dict[str, str], path: str, body: dict[str, Any]
) -> None:
    service = stocked(adapters__x=adapter(published=1), **{f"adapters__x__{path}": {}})
    laid = desk(view="adapters")
    do(act, service, laid, name="x", **event)
    assert (f"/api/adapters/x/{path}", body) in service.asked
    assert laid.version == int(event.get("version", 1)), "what the deed was about stays in sight"


def test_an_adapter_that_is_gone_is_no_longer_looked_at() -> None:
    laid = looked_at(adapter())
    asyncio.run(adapters.look_again(api(Service()), laid))
    assert laid.adapter is None


def test_another_matter_brings_its_own_adapter_and_forgets_the_choice() -> None:
    service = stocked()
    service.replies["/api/matters/m1"] = {"adapter": "contract-qa"}
    laid = desk(model="other")
    do(chat.open_matter, service, laid, id="m1")
    assert (laid.model, laid.fixed) == ("contract-qa", "contract-qa")
    service.replies["/api/matters/m1"] = {"adapter": None}
    do(chat.open_matter, service, laid, id="m1")
    assert (laid.model, laid.fixed) == ("base", "")


def test_a_choice_that_was_withdrawn_gives_way_and_says_so() -> None:
    laid = desk(models=[BASE, model("gone")], model="gone")
    do(adapters.fix, stocked(matters__m1__adapter={}), laid, id="")
    assert laid.model == "base"
    assert "gone is no longer offered here" in laid.notice


def test_a_conversation_goes_on_under_the_adapter_that_answered_last() -> None:
    behind = checked(adapter={"name": "contract-qa", "version": 3, "digest": "9f"})
    turns = [Turn(role="assistant", text="Yes.", created=0, privity=behind)]
    service = stocked(conversations__c1={"id": "c1", "matter": "m1", "title": "T", "turns": turns})
    laid = desk(models=[BASE, model()])
    do(chat.open_conversation, service, laid, id="c1")
    assert laid.model == "contract-qa"
    laid.models, laid.model = [BASE], "base"
    do(chat.open_conversation, service, laid, id="c1")
    assert laid.model == "base", "one that may no longer be used is not chosen"


# --- a comparison


def both(left: Callable[[], httpx.Response], right: Callable[[], httpx.Response]) -> Any:
    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        assert "conversation" not in body
        return left() if body["model"] == "base" else right()

    return answer


def put(laid: Desk, answer: Any) -> int:
    async def run() -> int:
        steps = 0
        event = {"question": " May we? ", "left": "base", "right": "contract-qa@3"}
        async for _ in compare.ask(api(answer), laid, event):
            steps += 1
        return steps

    return asyncio.run(run())


def streaming(*chunks: dict[str, Any]) -> Callable[[], httpx.Response]:
    return lambda: httpx.Response(200, stream=Stream(*chunks))


def test_both_answers_are_followed_to_their_ends() -> None:
    laid = desk(view="adapters", comparing=True)
    other = {**LAST, "privity": {**LAST["privity"], "answer_id": "a2", "citations": [cited(1)]}}
    assert put(laid, both(streaming(word("Yes."), LAST), streaming(word("No [1]."), other))) > 1
    said = draw(laid)["versus"]
    assert "Base model, no adapter" in said
    assert "contract-qa · v3" in said
    assert "Yes." in said
    assert laid.citations("a2") == [cited(1)]


def test_an_answer_that_fails_says_why_and_the_other_goes_on() -> None:
    laid = desk(view="adapters", comparing=True)
    gone = {"error": {"code": "not_found", "message": "There is no adapter of this name."}}
    put(laid, both(streaming(word("Yes."), LAST), lambda: httpx.Response(404, json=gone)))
    assert laid.versus is not None
    left, right = laid.versus.sides
    assert left.turn is not None
    assert right.ended is not None
    assert (right.ended.why, right.ended.fault) == ("There is no adapter of this name.", True)
    assert "There is no adapter of this name." in seen(draw(laid)["versus"])


def test_another_matter_puts_a_comparison_away_and_stops_it() -> None:
    laid = desk(view="adapters", comparing=True)
    streams = [Stream(word("Yes."), word(" Surely."), LAST) for _ in range(2)]
    left, right = (lambda one=one: httpx.Response(200, stream=one) for one in streams)

    async def turn_away() -> None:
        event = {"question": "May we?", "left": "base", "right": "x"}
        async for _ in compare.ask(api(both(left, right)), laid, event):
            laid.put_away()

    asyncio.run(turn_away())
    assert laid.versus is None
    assert "Yes." not in draw(laid)["versus"]


def test_stopping_keeps_what_was_written_on_both_sides() -> None:
    laid = desk(view="adapters", comparing=True)
    laid.versus = Versus("May we?", (Side("base", Live("May we?", "Yes")), Side("x", None)))
    compare.stop(laid)
    assert not laid.versus.live
    assert laid.versus.sides[0].ended is not None
    assert laid.versus.sides[0].ended.text == "Yes"
    assert laid.versus.sides[1].ended is None


def test_a_comparison_without_a_question_or_a_matter_asks_nothing() -> None:
    def nobody(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    assert put(desk(matter=""), nobody) == 0
    assert "Begin with a matter" in seen(draw(desk(view="adapters", comparing=True, matter=""))["versus"])


def test_an_error_of_the_service_is_a_sentence() -> None:
    with pytest.raises(ApiError, match="no such"):
        asyncio.run(adapters.pick(api(Service()), desk(), {"name": "x", "version": "1"}))
