"""Which defined terms a text uses. Pure."""

import re
from collections.abc import Iterable

from service.retrieval.structure.definitions import Definition

_WORD = re.compile(r"[\w&]+(?:[-.’'][\w&]+)*")


def defined_terms(text: str, found: Iterable[Definition]) -> tuple[Definition, ...]:
    """The definitions of the terms that a text uses, in the order of use, each term once.

    A term counts in its own capitals, in the singular or plural; of overlapping terms the longest does.
    """
    known = dict[str, list[tuple[tuple[str, ...], Definition]]]()
    for one in found:
        words = tuple(_singular(word) for word in _WORD.findall(one.term))
        if words:
            known.setdefault(words[0], []).append((words, one))
    for entries in known.values():
        entries.sort(key=lambda entry: -len(entry[0]))
    said = [_singular(word) for word in _WORD.findall(text)]
    used, at = dict[str, Definition](), 0
    while at < len(said):
        match = next((e for e in known.get(said[at], ()) if tuple(said[at : at + len(e[0])]) == e[0]), None)
        if match:
            used.setdefault(" ".join(match[0]), match[1])
        at += len(match[0]) if match else 1
    return tuple(used.values())


def _singular(word: str) -> str:
    """A word without the signs of the possessive and plural: "Parties’" and "Party" are one."""
    word = re.sub(r"[’']s?$", "", word)
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word
