"""What a person can do while asking: matters, conversations, questions, sources."""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import cast

from ui.client import Api, ApiError
from ui.desk import Desk, Ended, Face, Live, Source, View, paged
from ui.replies import Checked, Citation, Coverage, Json, Turn

Event = dict[str, str]
Act = Callable[[Api, Desk, Event], Awaitable[None]]

HISTORY = 12  # turns of the conversation that go along with a question
STOPPED = "Stopped. Each sentence that was written by then had been checked; the answer is not whole."
NOT_BEGUN = "Stopped before anything was written."
TITLE = 80  # characters of a conversation's first name


async def begin(api: Api, desk: Desk, where: str = "") -> None:
    """Fill an empty desk. `where` is `matter/conversation`, as the address of the page remembers it."""
    desk.me = await api.me()
    await refresh_matters(api, desk)
    matter, _, conversation = where.strip("#").partition("/")
    known = [one["id"] for one in desk.matters]
    if known:
        await open_matter(api, desk, {"id": matter if matter in known else known[0]})
    if conversation and matter == desk.matter:
        await open_conversation(api, desk, {"id": conversation})


async def refresh_matters(api: Api, desk: Desk) -> None:
    desk.matters = await api.matters()
    if desk.current is None:
        desk.matter = ""


async def open_matter(api: Api, desk: Desk, event: Event) -> None:
    desk.put_away()
    desk.matter, desk.find, desk.picked = event["id"], "", None
    desk.model = ""
    await refresh_models(api, desk)
    await list_conversations(api, desk)


async def refresh_models(api: Api, desk: Desk) -> None:
    """Who may answer in the matter; a choice that is no longer there gives way to the matter's own, or the base."""
    desk.asked = time.monotonic()
    if not desk.matter:
        return
    desk.models, desk.fixed = await api.models(desk.matter), await api.fixed(desk.matter)
    if desk.model not in [one["name"] for one in desk.models]:
        gone, desk.model = desk.model, desk.fixed or "base"
        desk.notice = (
            f"{gone} is no longer offered here. Choose who answers in the title bar." if gone else desk.notice
        )


async def new_matter(api: Api, desk: Desk, event: Event) -> None:
    matter = await api.new_matter(event["value"])
    await refresh_matters(api, desk)
    await open_matter(api, desk, {"id": matter["id"]})


async def rename_matter(api: Api, desk: Desk, event: Event) -> None:
    await api.rename_matter(desk.matter, event["value"])
    await refresh_matters(api, desk)


async def delete_matter(api: Api, desk: Desk, event: Event) -> None:
    """Delete the open matter with all that is in it, and open another one."""
    matter = desk.current
    if matter is None:
        return
    if event["value"].strip() != matter["name"]:
        desk.notice = f"Nothing was deleted: “{event['value'].strip()}” is not the name of the open matter."
        return
    await api.delete_matter(matter["id"])
    desk.put_away()
    desk.picked, desk.conversations = None, []
    await refresh_matters(api, desk)
    if desk.matters:
        await open_matter(api, desk, {"id": desk.matters[0]["id"]})
    desk.notice = f"{matter['name']} was deleted."


async def choose_model(api: Api, desk: Desk, event: Event) -> None:
    desk.model = event["id"]


async def show(api: Api, desk: Desk, event: Event) -> None:
    """Turn to another view, with its lists whole."""
    desk.view = cast(View, event["id"])
    desk.find = desk.secret = ""
    await refresh_matters(api, desk)
    await refresh_models(api, desk)
    await list_conversations(api, desk)
    await look_again(api, desk)
    if desk.view in ("library", "adapters", "finetune"):
        desk.source = desk.found = None


async def list_conversations(api: Api, desk: Desk) -> None:
    desk.conversations = await api.conversations(desk.matter, desk.find) if desk.matter else []


async def find(api: Api, desk: Desk, event: Event) -> None:
    desk.find = event["value"]
    await list_conversations(api, desk)


async def new_question(api: Api, desk: Desk, event: Event) -> None:
    desk.view = "ask"
    desk.put_away()


async def open_conversation(api: Api, desk: Desk, event: Event) -> None:
    """A conversation as the server keeps it, with the first source of its last answer open."""
    transcript = await api.conversation(event["id"])
    desk.put_away()
    desk.view, desk.conversation, desk.turns = "ask", transcript["id"], transcript["turns"]
    desk.model = last_model(desk)
    await open_first(api, desk)


async def look_again(api: Api, desk: Desk) -> None:
    """How the sources of the open conversation stand by now; one that is no longer there is put away."""
    if desk.view != "ask" or not desk.turns:
        return
    opened = desk.conversation
    try:
        transcript = await api.conversation(opened)
    except ApiError as error:
        if error.status == 404 and desk.conversation == opened:
            desk.put_away()
        raise
    known = {one["privity"]["answer_id"]: one["privity"] for one in transcript["turns"] if "privity" in one}
    for turn in desk.turns:
        if "privity" in turn:
            turn["privity"] = known.get(turn["privity"]["answer_id"], turn["privity"])
    tell_source(desk)


def tell_source(desk: Desk) -> None:
    """The open source says what has become of it, too."""
    shown = desk.source
    if shown is None or shown.citation is None:
        return
    cited = next((one for one in desk.citations(shown.answer) if one["n"] == shown.citation["n"]), None)
    if cited and "standing" in cited and cited["standing"] != shown.citation.get("standing"):
        told = shown.citation | {"standing": cited["standing"]}
        desk.source = replace(shown, citation=told)


def last_model(desk: Desk) -> str:
    """Who gave the last answer of the conversation, where they may still be asked."""
    checked = desk.turns[-1].get("privity") if desk.turns else None
    name = str(checked["adapter"]["name"]) if checked else desk.model
    return name if any(one["name"] == name for one in desk.models) else desk.model


async def open_first(api: Api, desk: Desk) -> None:
    """Open the source that the last answer names first, of those that can be opened."""
    checked = desk.turns[-1].get("privity") if desk.turns else None
    numbers = [one["n"] for one in checked["citations"] if kept(one)] if checked else []
    if checked and numbers:
        named = [int(n) for n in re.findall(r"\[(\d{1,3})\]", desk.turns[-1]["text"]) if int(n) in numbers]
        await cite(api, desk, {"answer": checked["answer_id"], "n": str((named or numbers)[0])})


async def rename(api: Api, desk: Desk, event: Event) -> None:
    await api.rename(event["id"], event["value"])
    await list_conversations(api, desk)


async def delete_conversation(api: Api, desk: Desk, event: Event) -> None:
    await api.delete_conversation(event["id"])
    if desk.conversation == event["id"]:
        desk.put_away()
    await list_conversations(api, desk)


async def cite(api: Api, desk: Desk, event: Event) -> None:
    """Open citation `n` of an answer beside it."""
    citations = desk.citations(event["answer"])
    chosen = next((one for one in citations if one["n"] == int(event["n"])), None)
    if chosen is None:
        raise ApiError(404, "not_found", "This source is no longer on the page. Open the conversation again.")
    try:
        desk.source = await opened(api, desk.source, chosen)
    except ApiError as error:
        raise (missing(chosen) if error.status == 404 else error) from None
    desk.source.answer, desk.source.of = event["answer"], len(citations)


def kept(one: Citation) -> bool:
    """Whether what was cited can still be opened, as far as is known."""
    return "standing" not in one or one["standing"]["kept"]


def missing(one: Citation) -> ApiError:
    told = one["standing"]["told"] if "standing" in one else ""
    told = told or f"{one['title'].rsplit('/', 1)[-1]} is no longer there."
    return ApiError(
        404, "not_found", f"{told} What was cited can no longer be opened; the answer keeps its words."
    )


async def opened(api: Api, before: Source | None, chosen: Citation) -> Source:
    """The source at a citation; the document that is open already is not fetched again.

    Never is another text marked in place of the cited one: where a file was read anew, the words are marked where they
    stand now, or none are.
    """
    same = before is not None and before.document["id"] == chosen["document"]
    shown = before if before is not None and same else await read(api, chosen["document"])
    anew = "standing" in chosen and chosen["standing"]["document"] == chosen["document"]
    here = moved(chosen) if anew and not says(shown.text, chosen) else chosen
    astray = not says(shown.text, here)
    here = here | {"start": 0, "end": 0, "page": 1} if astray else here
    marks = (
        await api.highlight(here["document"], here["start"], here["end"])
        if shown.paged and not astray
        else []
    )
    return replace(shown, citation=here, marks=marks, newer=False, astray=astray)


def says(text: str, one: Citation) -> bool:
    """Whether a text says at the cited place what was cited; blanks may differ."""
    return text[one["start"] : one["end"]].split() == one["quote"].split()


def moved(one: Citation) -> Citation:
    """The citation at the place where its words stand in the version that counts now, if they do."""
    now = one.get("standing")
    if now is None or now["place"] is None:
        return one
    at = now["place"]
    return one | {
        "document": now["document"],
        "title": now["title"],
        "start": at["start"],
        "end": at["end"],
        "page": at["page"],
        "heading": at["heading"],
    }


async def cite_newer(api: Api, desk: Desk, event: Event) -> None:
    """Open the version that counts now, at the cited words where they stand in it."""
    citations = desk.citations(event["answer"])
    chosen = next((one for one in citations if one["n"] == int(event["n"])), None)
    if chosen is None or "standing" not in chosen or not chosen["standing"]["document"]:
        raise ApiError(404, "not_found", "There is no newer version. Open the conversation again.")
    at = moved(chosen) | {"document": chosen["standing"]["document"], "remark": ""}
    desk.source = await opened(api, desk.source, at)
    desk.source.answer, desk.source.of, desk.source.newer = event["answer"], len(citations), True


async def read(api: Api, document: str) -> Source:
    """A whole document: its card and its text. Page pictures come first where there are any."""
    card = await api.document(document)
    text = await api.text(document) if card["characters"] else ""
    return Source(document=card, text=text, face="pages" if paged(card) else "text")


async def step(api: Api, desk: Desk, event: Event) -> None:
    """Walk to the next or previous citation of the answer whose source is open."""
    shown = desk.source
    if shown is None or shown.citation is None:
        return
    numbers = [one["n"] for one in desk.citations(shown.answer)]
    if not numbers:
        return
    at = (numbers.index(shown.citation["n"]) + int(event["by"])) % len(numbers)
    await cite(api, desk, {"answer": shown.answer, "n": str(numbers[at])})


async def close(api: Api, desk: Desk, event: Event) -> None:
    desk.source = None


async def face(api: Api, desk: Desk, event: Event) -> None:
    """Between pictures of the pages and the text that was read from them."""
    if desk.source is not None:
        desk.source = replace(desk.source, face=cast(Face, event["id"]))


async def around(api: Api, desk: Desk, event: Event) -> None:
    """Another part of a very long text."""
    if desk.source is not None:
        desk.source = replace(desk.source, at=int(event["at"]), citation=None, marks=[])


async def verdict(api: Api, desk: Desk, event: Event) -> None:
    await api.feedback(event["answer"], event["verdict"])
    desk.verdicts[event["answer"]] = event["verdict"]


async def correct(api: Api, desk: Desk, event: Event) -> None:
    await api.feedback(event["answer"], "bad", event["value"])
    desk.verdicts[event["answer"]] = "corrected"


ACTS: dict[str, Act] = {
    "matter": open_matter,
    "new_matter": new_matter,
    "rename_matter": rename_matter,
    "delete_matter": delete_matter,
    "model": choose_model,
    "view": show,
    "find": find,
    "new": new_question,
    "conversation": open_conversation,
    "rename": rename,
    "delete_conversation": delete_conversation,
    "cite": cite,
    "cite_newer": cite_newer,
    "step": step,
    "close": close,
    "face": face,
    "around": around,
    "verdict": verdict,
    "correct": correct,
}


# --- asking


async def ask(api: Api, desk: Desk, question: str) -> AsyncIterator[None]:
    """Put a question and follow the answer; each step is a moment to draw the desk.

    An error ends the answer with its sentence on the desk instead of raising. A reader who opens something else
    meanwhile finds the answer later in its conversation; one who leaves stops it.
    """
    live = Live(question=question, since=time.monotonic())
    desk.view, desk.ended, desk.live = "ask", None, live
    yield
    try:
        if not desk.conversation:
            desk.conversation = await api.new_conversation(desk.matter, question[:TITLE])
        async for _ in follow(api, desk, live):
            yield
    except ApiError as error:
        put_down(desk, live, error.message, fault=True)
        await forget_unanswered(api, desk)
    finally:
        put_down(desk, live, stopped(live), fault=False)
    await settle(api, desk)
    yield


async def follow(api: Api, desk: Desk, live: Live) -> AsyncIterator[None]:
    checked: Checked | None = None
    async for chunk in api.ask(body(desk, live.question)):
        checked = absorb(live, chunk) or checked
        yield
    if checked is None:
        raise ApiError(0, "broken_off", "The answer broke off before it was checked. Ask again.")
    if desk.live is live:
        keep(desk, live, checked)
        await open_first(api, desk)


def absorb(live: Live, chunk: Json) -> Checked | None:
    """Add a chunk to the answer that is being written; the last one brings what stands behind it."""
    news = chunk.get("privity") or {}
    checked = cast(Checked, news) if "answer_id" in news else None
    if checked is None and "coverage" in news:
        live.coverage = cast(Coverage, news["coverage"])
        live.citations = cast(list[Citation], news.get("citations", []))
    live.text += "".join(choice.get("delta", {}).get("content") or "" for choice in chunk.get("choices", []))
    return checked


def body(desk: Desk, question: str) -> dict[str, object]:
    turns = [{"role": turn["role"], "content": turn["text"]} for turn in desk.turns[-HISTORY:]]
    return {
        "model": desk.model,
        "matter": desk.matter,
        "conversation": desk.conversation,
        "messages": [*turns, {"role": "user", "content": question}],
    }


def keep(desk: Desk, live: Live, checked: Checked) -> None:
    """The written answer becomes a turn of the conversation."""
    now = time.time()
    desk.turns.append(Turn(role="user", text=live.question, created=now))
    desk.turns.append(Turn(role="assistant", text=live.text, created=now, privity=checked))
    desk.live = None


def put_down(desk: Desk, live: Live, why: str, fault: bool) -> None:
    """End an answer that is still being written on this desk, keeping what there is of it."""
    if desk.live is live:
        desk.ended = Ended(live.question, live.text, why, fault, live.coverage, live.citations)
        desk.live = None
    elif fault:
        desk.notice = why


def stop(desk: Desk) -> None:
    if desk.live is not None:
        put_down(desk, desk.live, stopped(desk.live), fault=False)


def stopped(live: Live) -> str:
    return STOPPED if live.text.strip() else NOT_BEGUN


async def forget_unanswered(api: Api, desk: Desk) -> None:
    """A conversation whose first question was not answered is not kept."""
    if desk.ended is None or desk.turns or not desk.conversation:
        return
    unanswered, desk.conversation = desk.conversation, ""
    with suppress(ApiError):
        await api.delete_conversation(unanswered)


async def settle(api: Api, desk: Desk) -> None:
    """Show the conversation in the list; an answer is not lost when the list cannot be had."""
    try:
        await list_conversations(api, desk)
        await look_again(api, desk)
    except ApiError as error:
        desk.notice = error.message
