"""What has become of an answer's sources since it was given: a mark on the citation, a line under the answer, and what
stands above the words when one is opened."""

from ui.desk import Source
from ui.panes.words import act, esc
from ui.replies import Checked, Citation, Standing


def changed(one: Citation) -> Standing | None:
    """How a source stands that is no longer as it was."""
    now = one.get("standing")
    return now if now and now["state"] != "current" else None


def told(one: Citation) -> str:
    now = changed(one)
    return now["told"] if now else ""


def lost(now: Standing) -> bool:
    """Whether nothing that counts now says the cited words."""
    return now["place"] is None


def look(one: Citation) -> str:
    """The classes of a citation's number: dashed where its source has changed."""
    now = changed(one)
    return "" if now is None else "since lost" if lost(now) else "since"


def note(one: Citation) -> str:
    now = changed(one)
    return f'<small class="{look(one)}">{esc(now["told"])}</small>' if now else ""


def line(checked: Checked) -> str:
    """One line under the answer; nothing while all its sources are as they were."""
    said = checked.get("changed", "")
    if not said:
        return ""
    css = "lost" if any(lost(now) for now in map(changed, checked["citations"]) if now) else ""
    return f'<p class="since {css}" role="note">{esc(said)}</p>'


def above(shown: Source) -> str:
    """What a reader must know of an opened source that has changed: which text this is, and the way to the other."""
    one = shown.citation
    if one is None:
        return ""
    now, said = changed(one), ""
    this = f"This is version {shown.document['version']}"
    if shown.astray:
        said = now["told"] if now else "This file has been read anew; the cited words are no longer in it."
    elif shown.newer:
        said = f"{this}, which counts now; the answer cited {earlier(one)}."
    elif now and now["document"] != shown.document["id"]:
        said = f"{this}, as it was cited. {now['told']}"
    elif now:
        said = now["told"]
    return f"{esc(said)} {way(shown, now)}" if said else ""


def earlier(one: Citation) -> str:
    number = one.get("version", 0)
    return f"version {number}" if number else "an earlier one"


def way(shown: Source, now: Standing | None) -> str:
    one = shown.citation
    if one is None or now is None or not now["document"]:
        return ""
    if shown.newer:
        back = act("cite", answer=shown.answer, n=one["n"])
        return f"<button {back}>Open the version that was cited</button>" if now["kept"] else ""
    if now["document"] == shown.document["id"]:
        return ""
    return (
        f"<button {act('cite_newer', answer=shown.answer, n=one['n'])}>Open version {now['version']}</button>"
    )
