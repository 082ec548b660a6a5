"""Clauses by the numbers that references name them with. Pure."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from service.retrieval.numbering import numbers
from service.retrieval.structure.tree import Node, appendix

_APPENDED = ("schedule", "exhibit", "annex", "annexure", "appendix", "attachment")
_BODY = -1
_SOUGHT = {"part": ("part",), "article": ("article", "number")}
_ANY = ("number", "article")  # what "section 4" may be

Key = tuple[int, str, tuple[int, ...]]  # the schedule or body, the family of the word, the number


class Index:
    """The nodes of a tree by scope, word and number. Where two claim a number, the longer clause has it."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes
        self._starts = [node.start for node in nodes]
        self._parents = list(_parents(nodes))
        self._numbered: dict[Key, int] = {}
        self._items: dict[tuple[int, str], int] = {}
        self._appended: dict[tuple[str, str], int] = {}
        for at, node in enumerate(nodes):
            self._enter(at, node)

    def at(self, offset: int) -> int:
        """The place in the tree of the innermost clause that holds the character at `offset`; -1 for none."""
        found = bisect_right(self._starts, offset) - 1
        while found >= 0 and self._nodes[found].end <= offset:
            found = self._parents[found]
        return found

    def find(
        self, word: str, which: str, signs: Sequence[str], offset: int, within: Node | None
    ) -> Node | None:
        """The clause that "`word` `which` (`signs`)" names when it is written at `offset`, of the schedule `within`
        if given; the innermost that is there. None when its number is not in the document."""
        if word in _APPENDED:
            found = self._appended.get((word, which.upper()))
        elif which:
            found = self._clause(word, which, offset, within)
        else:
            found = self._around(offset, signs[0]) if signs else None
        if found is None:
            return None
        for sign in signs:
            found = self._items.get((found, sign), found)
        return self._nodes[found]

    def this(self, word: str, offset: int) -> Node | None:
        """The clause, or schedule, that "this clause" written at `offset` means."""
        at = self.at(offset)
        while at >= 0 and not _is_called(self._nodes[at], word):
            at = self._parents[at]
        return self._nodes[at] if at >= 0 else None

    def _enter(self, at: int, node: Node) -> None:
        named = appendix(node.clause)
        if named:
            self._appended.setdefault(named, at)
            return
        if node.clause.kind.startswith("item"):
            for parent in self._above(at):
                self._items.setdefault((parent, _sign(node.label)), at)
        if not node.number:
            return
        for family in _families(node):
            key = (node.appendix, family, node.number)
            held = self._numbered.get(key)
            if held is None or _length(node) > _length(self._nodes[held]):
                self._numbered[key] = at

    def _above(self, at: int) -> Iterator[int]:
        """The clause above an item, and those above that but for headings without a number: at most three."""
        parent = self._parents[at]
        for _ in range(3):
            if parent < 0:
                return
            yield parent
            if self._nodes[parent].number:
                return
            parent = self._parents[parent]

    def _clause(self, word: str, which: str, offset: int, within: Node | None) -> int | None:
        if which[0].isdigit() and not which[-1].isdigit():  # "409A"
            return None
        number = numbers(which)
        here = self.at(offset)
        own = self._nodes[here].appendix if here >= 0 else _BODY
        scopes = [within.appendix] if within else [own, _BODY]
        keys = ((scope, family, number) for scope in scopes for family in _SOUGHT.get(word, _ANY))
        return next((self._numbered[key] for key in keys if key in self._numbered), None)

    def _around(self, offset: int, sign: str) -> int | None:
        """The nearest clause around `offset` that has an item of this sign."""
        at = self.at(offset)
        while at >= 0:
            if (at, sign) in self._items:
                return at
            at = self._parents[at]
        return None


def _parents(nodes: Sequence[Node]) -> Iterator[int]:
    stack = list[int]()
    for at, node in enumerate(nodes):
        while stack and nodes[stack[-1]].end <= node.start:
            stack.pop()
        yield stack[-1] if stack else -1
        stack.append(at)


def _is_called(node: Node, word: str) -> bool:
    """Whether a clause may call itself "this `word`"."""
    named = appendix(node.clause)
    if named or word in _APPENDED:
        return named is not None and named[0] == word
    return bool(node.number) and _SOUGHT.get(word, _ANY)[0] in _families(node)


def _families(node: Node) -> tuple[str, ...]:
    """The words that may name a clause: its own where it bears one, else any."""
    word = node.label.split(maxsplit=1)[0].lower() if node.clause.kind.startswith("word") else ""
    if word in ("article", "part"):
        return (word,)
    if node.clause.kind.startswith("item"):
        return ()
    return ("number",)


def _sign(label: str) -> str:
    return label.strip("().: \t").lower()


def _length(node: Node) -> int:
    return node.end - node.start
