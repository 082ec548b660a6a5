"""Whose step it is, when a step can run under one adapter only. Pure.

A change of adapter costs a rebuilt graph, so a turn lasts several steps; the groups take turns in the order in which
they began to wait. The base is one more group.

    steps   1 … 8     9 … 16    17 … 24   25 …
    group   leases    base      letters   leases       nobody waits longer than the turns of all others
"""

from collections.abc import Iterable

TURN = 8  # steps under one adapter while another one waits


class Turns:
    """The groups that have work, in the order of their turns; the first has the present one."""

    def __init__(self) -> None:
        self._order: list[str] = []
        self._used = 0  # steps of the present turn

    def next(self, groups: Iterable[str]) -> str:
        """The group that the next step serves; `groups` are those with work, at least one."""
        work = dict.fromkeys(groups)
        before = self._order[:1]
        self._order = [one for one in self._order if one in work] + [
            one for one in work if one not in self._order
        ]
        if self._order[:1] == before and self._used >= TURN:
            self._order.append(self._order.pop(0))
        self._used = self._used + 1 if self._order[:1] == before else 1
        return self._order[0]


def longest_wait(slots: int) -> int:
    """Steps that a running sequence waits at most for its group's turn."""
    return (slots - 1) * TURN
