"""Which documents belong together: versions of one another, and files that came inside others.

Each function works in the transaction of its caller and tells which lines it touched.

- Of a family (the versions of a document) one at most is current. A new version becomes so when it has been read.
- What came attached is current as long as a document that it came in is. An attachment that has since been given a
  version of its own stands by itself.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from service.core import State
from service.storage.tables import Attached, DocumentRow

AT_ONCE = 500  # ids in one question to SQLite


def chunks(ids: Iterable[str]) -> Iterable[list[str]]:
    every = sorted(set(ids))
    return (every[at : at + AT_ONCE] for at in range(0, len(every), AT_ONCE))


def newest(rows: Session, family: str) -> int:
    """The highest version of a family; 0 when it has none."""
    return rows.scalar(select(func.max(DocumentRow.version)).where(DocumentRow.family == family)) or 0


def versions(rows: Session, family: str) -> Sequence[DocumentRow]:
    """Newest first."""
    newest_first = DocumentRow.version.desc()
    return rows.scalars(select(DocumentRow).where(DocumentRow.family == family).order_by(newest_first)).all()


def children(rows: Session, parent: str) -> Sequence[DocumentRow]:
    """What came inside a document."""
    inside = select(Attached.child).where(Attached.parent == parent)
    return rows.scalars(select(DocumentRow).where(DocumentRow.id.in_(inside)).order_by(DocumentRow.id)).all()


def parents(rows: Session, child: str) -> Sequence[DocumentRow]:
    """In what a document came."""
    around = select(Attached.parent).where(Attached.child == child)
    return rows.scalars(select(DocumentRow).where(DocumentRow.id.in_(around)).order_by(DocumentRow.id)).all()


def above(rows: Session, document: str) -> set[str]:
    """All that a document came in, and came in, up to the top."""
    found, todo = set[str](), [document]
    while todo:
        todo.extend(row.id for row in parents(rows, todo.pop()) if row.id not in found)
        found.update(todo)
    return found


def attach(rows: Session, parent: str, child: str) -> None:
    """Nothing happens when it is attached already, or would hold itself."""
    if child != parent and child not in above(rows, parent):
        rows.merge(Attached(parent=parent, child=child))


def may_take_over(row: DocumentRow, family: Sequence[DocumentRow]) -> bool:
    """Whether a version, once it has been read, is the one to be searched: no newer one is."""
    return row.current or not any(other.current and other.version > row.version for other in family)


def take_over(rows: Session, row: DocumentRow) -> set[str]:
    """Make a version the current one if no newer one is; its attachments follow."""
    family = versions(rows, row.family)
    if may_take_over(row, family):
        for other in family:
            other.current = other.id == row.id
    touched = {other.id for other in family}
    return touched | follow(rows, touched)


def follow(rows: Session, holders: Iterable[str]) -> set[str]:
    """Let what came attached to these be current as they are. What wakes again is due to be read anew."""
    rows.flush()
    touched, todo = set[str](), list(holders)
    while todo:
        for child in children(rows, todo.pop()):
            if child.id in touched or not child.parent or len(versions(rows, child.family)) > 1:
                continue
            touched.add(child.id)
            current = any(parent.current for parent in parents(rows, child.id))
            if child.current != current:
                child.current = current
                todo.append(child.id)
                if current and State(child.state).searchable:
                    child.state, child.due = State.QUEUED.value, True
        rows.flush()
    return touched


def doomed(rows: Session, ids: Iterable[str]) -> set[str]:
    """Everything that goes when these go: versions with the current one, attachments with the last that holds them."""
    found, todo = set[str](), list(ids)
    while todo:
        row = rows.get(DocumentRow, todo.pop())
        if row is None or row.id in found:
            continue
        found.add(row.id)
        if row.current:
            todo.extend(version.id for version in versions(rows, row.family))
        for child in children(rows, row.id):
            alone = len(versions(rows, child.family)) == 1
            if child.parent and alone and {p.id for p in parents(rows, child.id)} <= found:
                todo.append(child.id)
    return found


def take_out(rows: Session, ids: set[str]) -> set[str]:
    """Delete these lines. What stays of their attachments is told another parent, or none."""
    left = set[str]()
    for some in chunks(ids):
        left.update(rows.scalars(select(Attached.child).where(Attached.parent.in_(some))))
        rows.execute(delete(DocumentRow).where(DocumentRow.id.in_(some)))
    rows.expire_all()
    for id in left - ids:
        child = rows.get(DocumentRow, id)
        if child is not None and child.parent in ids:
            child.parent = next((parent.id for parent in parents(rows, id)), "")
    return (left - ids) | follow(rows, {p.id for id in left - ids for p in parents(rows, id)})
