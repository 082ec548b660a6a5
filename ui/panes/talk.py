"""The conversation: questions, answers with numbered chips, evidence, refusals."""

import re
import time
from collections.abc import Mapping

from ui.desk import Desk, Ended, Live
from ui.panes import coverage, since
from ui.panes.words import act, count, empty, esc, name_of, on, tag, tidy
from ui.replies import Checked, Citation, Json, Turn

QUOTED = re.compile(r"“[^”]*”")
LEADS = ("The documents say:\n", "Terms in these words:\n")  # the evidence list says it better
UNSUPPORTED = " [not in the documents]"  # how plain text marks what the page shows as a tag
OWN = "In the model's words:"
LIVE = "live"  # the answer that is being written
MARKER = re.compile(r"\[(\d{1,3})\]")


def talk(desk: Desk) -> str:
    """The finished turns, or what to do first."""
    if not desk.turns and desk.live is None and desk.ended is None:
        return welcome(desk)
    return "".join(turn(one, desk) for one in desk.turns)


def live(desk: Desk) -> str:
    """The answer that is being written, or how the last attempt ended."""
    if desk.live is not None:
        return question(desk.live.question) + progress(desk.live, LIVE, desk)
    return trouble(desk)


def progress(live: Live, answer_id: str, desk: Desk) -> str:
    """An answer as far as it is written."""
    searched = (
        coverage.line(live.coverage)
        if live.coverage
        else doing("Searching the documents" + waited(live.since))
    )
    writing = doing("Writing" + waited(live.since)) if live.coverage else ""
    return (
        f'<article class="turn writing" data-answer="{answer_id}">{searched}'
        f"{noted(live.text)}{evidence(live.citations, answer_id, desk)}"
        f'<div class="answer">{written(beside(live.text, live.citations))}</div>{writing}</article>'
    )


def beside(text: str, citations: list[Citation]) -> str:
    """What an answer says beside its evidence, which the list shows already."""
    words, at = "", 0
    for start, end in sorted(repeated(text, citations)):
        words, at = words + text[at:start], max(at, end)
    return (words + text[at:]).strip()


def trouble(desk: Desk) -> str:
    """What there is of an answer that was not finished, why, and the way to ask again."""
    ended = desk.ended
    if ended is None:
        return ""
    again = f'<button class="btn" data-do="again" data-text="{esc(ended.question)}">Ask again</button>'
    return question(ended.question) + unfinished(ended, LIVE, desk, again)


def unfinished(ended: Ended, answer_id: str, desk: Desk, again: str = "") -> str:
    searched = coverage.line(ended.coverage) if ended.coverage else ""
    words = written(beside(ended.text, ended.citations))
    part = f'<div class="answer">{words}</div>' if words else ""
    css = f"card row {'bad' if ended.fault else 'calm'}"
    card = f'<div class="{css}" role="alert"><span>{esc(ended.why)}</span>{again}</div>'
    sources = noted(ended.text) + evidence(ended.citations, answer_id, desk)
    return f'<article class="turn" data-answer="{answer_id}">{searched}{sources}{part}{card}</article>'


def written(text: str) -> str:
    """An answer that is not checked yet: its markers lead nowhere."""
    return owned(breaks(MARKER.sub(r'<span class="chip">\1</span>', esc(flowing(text)))))


def waited(since: float) -> str:
    """How long it has taken so far, once that is worth saying."""
    seconds = int(time.monotonic() - since) if since else 0
    return f" · {seconds} s" if seconds >= 2 else ""


def doing(words: str) -> str:
    return f'<p class="doing" role="status">{words}<i></i><i></i><i></i></p>'


def question(text: str) -> str:
    return f'<div class="bubble">{esc(text)}</div>'


def turn(one: Turn, desk: Desk) -> str:
    if one["role"] == "user":
        return question(one["text"])
    checked = one.get("privity")
    if checked is None:
        return f'<article class="turn"><div class="answer">{esc(one["text"])}</div></article>'
    body = (
        refusal(checked, one["text"])
        if checked["refused"] is not None
        else answer(one["text"], checked, desk)
    )
    covered = checked.get("coverage")
    return (
        f'<article class="turn" data-answer="{esc(checked["answer_id"])}">'
        f"{coverage.line(covered) if covered else ''}{body}{since.line(checked)}{footer(one, checked, desk)}</article>"
    )


def answer(text: str, checked: Checked, desk: Desk) -> str:
    words = prose(text, checked, chosen(desk, checked["answer_id"]))
    said = f'<div class="answer">{words}</div>' if words else ""
    return f"{noted(text)}{evidence(checked['citations'], checked['answer_id'], desk)}{said}"


def chosen(desk: Desk, answer_id: str) -> int:
    """The number of the citation that the inspector shows, when it is one of this answer's; else 0."""
    shown = desk.source
    return shown.citation["n"] if shown and shown.citation and shown.answer == answer_id else 0


def prose(text: str, checked: Checked, selected: int = 0) -> str:
    """The answer with chips for its markers, and with what no document bears out marked as such.

    Lines that only repeat a quotation with its place are left to the evidence list below.
    """
    left_out = [(start, end, False) for start, end in repeated(text, checked["citations"])]
    unsupported = [(start, end, True) for start, end in checked.get("unsupported", [])]
    known = {citation["n"]: citation for citation in checked["citations"]}
    text, html, at = flowing(text), "", 0
    for start, end, shown in sorted(left_out + unsupported):
        start = max(start, at)
        if start >= end:
            continue
        html += chips(text[at:start], known, checked["answer_id"], selected)
        if shown:
            html += flagged(text[start:end], known, checked["answer_id"], selected)
        at = end
    return owned(breaks((html + chips(text[at:], known, checked["answer_id"], selected)).strip()))


def repeated(text: str, citations: list[Citation]) -> list[tuple[int, int]]:
    """Spans of whole lines that hold nothing but a citation's own quotation, its marker and its place."""
    spans = [(0, len(note(text)))] if citations else []  # it stands above the evidence
    for lead in LEADS if citations else ():
        at = 0 if text.startswith(lead) else text.find("\n" + lead) + 1  # under a note, if there is one
        spans += [(at, at + len(lead))] if text.startswith(lead, at) else []
    for citation in citations:
        line = f"“{citation['quote']}” [{citation['n']}]"
        start = text.find(line)
        stop = text.find("\n", start + len(line))
        stop = len(text) if stop < 0 else stop
        rest = text[start + len(line) : stop]
        alone = (start == 0 or text[start - 1 : start] == "\n") and (not rest or rest.startswith(" — "))
        if start >= 0 and alone:
            spans.append((start, min(stop + 1, len(text))))
    return spans


def note(text: str) -> str:
    """What an answer says before its evidence: that no document mentions a name of the question."""
    said, lead, _ = text.partition(LEADS[0])
    return said if lead else ""


def noted(text: str) -> str:
    said = note(text).strip()
    return f'<div class="answer">{esc(said)}</div>' if said else ""


def flagged(text: str, known: Mapping[int, Citation], answer_id: str, selected: int) -> str:
    words = text.rstrip().removesuffix(UNSUPPORTED)
    inner = chips(words, known, answer_id, selected)
    gap = text[len(text.rstrip()) :]
    return f'<span class="unsupported">{inner}</span> {tag("not in the documents", "warn")}{esc(gap)}'


def flowing(text: str) -> str:
    """The text with line breaks inside a quotation made spaces: they are the page's, not the sentence's."""
    return QUOTED.sub(lambda quoted: quoted.group().replace("\n", " "), text)


def owned(html: str) -> str:
    """What the model says is told apart from what the documents say."""
    return html.replace(esc(OWN), f'<span class="own">{esc(OWN)}</span>', 1)


def breaks(html: str) -> str:
    return html.replace("\n", "<br>")


def chips(text: str, known: Mapping[int, Citation], answer_id: str, selected: int) -> str:
    """Escaped text whose markers are buttons. A marker that names no citation stays plain text."""
    html, at = "", 0
    for marker in MARKER.finditer(text):
        n = int(marker.group(1))
        if n in known:
            html += esc(text[at : marker.start()]) + chip(known[n], answer_id, selected)
            at = marker.end()
    return html + esc(text[at:])


def chip(one: Citation, answer_id: str, selected: int) -> str:
    n, told = one["n"], since.told(one)
    title = f"Open source {n}" + (f": {told}" if told else "")
    opens = act("cite", answer=answer_id, n=n)
    return f'<button class="{numbered(one, selected)}" {opens} title="{esc(title)}">{n}</button>'


def numbered(one: Citation, selected: int) -> str:
    """The classes of a citation's number."""
    return " ".join(filter(None, ("chip", on(one["n"] == selected), since.look(one))))


def evidence(citations: list[Citation], answer_id: str, desk: Desk) -> str:
    selected = chosen(desk, answer_id)
    rows = "".join(row(citation, answer_id, selected) for citation in citations)
    return f'<div class="evidence">{rows}</div>' if rows else ""


def row(citation: Citation, answer_id: str, selected: int) -> str:
    here = on(citation["n"] == selected)
    return (
        f'<div class="ev {here}" role="button" tabindex="0" {act("cite", answer=answer_id, n=citation["n"])}>'
        f'<span class="{numbered(citation, selected)}">{citation["n"]}</span>'
        f"<span><q>{esc(tidy(citation['quote']))}</q><small>{place(citation)}</small>{remark(citation)}"
        f"{since.note(citation)}</span>"
        f"<span>{labels(citation)}</span></div>"
    )


def labels(citation: Citation) -> str:
    """What kind of words these are; a definition is an extra that explains a term of the evidence."""
    extra = tag("Definition") + " " if citation.get("role") == "definition" else ""
    return extra + (tag("verbatim", "ok") if citation["verified"] else tag("unverified", "warn"))


def remark(citation: Citation) -> str:
    words = citation.get("remark", "")
    return f'<small class="remark"><b>!</b> {esc(words)}</small>' if words else ""


def place(citation: Citation) -> str:
    parts = [name_of(citation["title"]), citation["heading"]]
    parts += [f"p. {citation['page']}"] if citation["title"].lower().endswith(".pdf") else []
    return esc(" · ".join(part for part in parts if part))


def refusal(checked: Checked, text: str) -> str:
    """A refusal's own card: the finding, what was searched, and what can be done."""
    finding, *rest = [line for line in text.split("\n") if line.strip()] or [
        "The documents do not answer this."
    ]
    covered = checked.get("coverage")
    rest = rest or ([coverage.in_words(covered)] if covered else [])
    words = "".join(f"<p>{esc(line)}</p>" for line in rest)
    return f'<div class="card refusal"><h3>{esc(finding)}</h3>{words}</div>'


def footer(one: Turn, checked: Checked, desk: Desk) -> str:
    facts = [writer(checked["adapter"])]
    tokens = (checked.get("usage") or {}).get("completion")
    numbers = [count(int(tokens), "token")] if tokens else []
    if "seconds" in checked:
        numbers.append(f"{checked['seconds']:.1f} s")
    facts += [" · ".join(numbers)] if numbers else []
    spans = "".join(f"<span>{fact}</span>" for fact in facts)
    return f'<footer>{spans}<span class="grow"></span>{buttons(one, checked, desk)}</footer>'


def writer(adapter: Json) -> str:
    """Which adapter wrote the answer, its digest for whoever looks closer."""
    name, digest = str(adapter["name"]), str(adapter.get("digest") or "")
    if digest in ("", name):
        return esc(name)
    version = f" v{int(adapter['version'])}" if adapter.get("version") else ""
    return f'<span title="{esc(digest)}">{esc(name)}{version}</span>'


def buttons(one: Turn, checked: Checked, desk: Desk) -> str:
    answer_id, text = checked["answer_id"], one["text"]
    verdict = desk.verdicts.get(answer_id) or one.get("feedback") or ""
    correct = act(
        "correct",
        answer=answer_id,
        prompt="What should the answer have said?",
        verb="Send",
        value=text,
        long=1,
    )
    html = f'<button data-do="copy" data-text="{esc(plain(text, checked))}">Copy</button>'
    for value, label in (("good", "Good"), ("bad", "Bad")):
        state = ' class="on"' if verdict == value else ""
        html += f"<button{state} {act('verdict', answer=answer_id, verdict=value)}>{label}</button>"
    state = ' class="on"' if verdict == "corrected" else ""
    return html + f"<button{state} {correct}>{'Corrected' if verdict == 'corrected' else 'Correct'}</button>"


def plain(text: str, checked: Checked) -> str:
    """The answer with its sources, for the clipboard."""
    lines = [f"[{one['n']}] “{tidy(one['quote'])}” ({credit(one)})" for one in checked["citations"]]
    told = checked.get("changed", "")
    return "\n".join([text, "", *lines, *(["", told] if told else [])]) if lines else text


def credit(one: Citation) -> str:
    parts = [
        name_of(one["title"]),
        one["heading"],
        f"p. {one['page']}",
        "" if one["verified"] else "unverified",
        one.get("remark", ""),
    ]
    return ", ".join(part for part in parts if part)


def welcome(desk: Desk) -> str:
    """What to do first."""
    current = desk.current
    if desk.me is None:
        return ""
    if current is None:
        create = act("new_matter", prompt="Name of the new matter", verb="Create")
        return empty(
            "Begin with a matter",
            "A matter holds the documents of one client’s affair, and only its members see them.",
            f'<button class="btn p" {create}>New matter…</button>',
        )
    if not current["documents"]:
        return empty(
            f"{current['name']} holds no documents yet",
            "Answers are drawn from the matter’s own documents. Add some first: PDF, Word, e-mail, text or scans.",
            f'<button class="btn p" {act("view", id="library")}>Add documents</button>',
        )
    return empty(
        f"Ask about {current['name']}",
        f"The answer is drawn from its {count(current['documents'], 'document')}. Every quotation is checked "
        "against the document that it comes from, and opens beside the answer.",
        '<p class="keys"><span><kbd>Ctrl K</kbd> question</span>'
        "<span><kbd>[</kbd> <kbd>]</kbd> sources</span><span><kbd>/</kbd> search</span></p>",
    )
