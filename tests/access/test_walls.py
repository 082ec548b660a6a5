"""The wall, against a model of it: random people come and go, and nobody ever sees what is not theirs."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.access import Accounts, Walls, decide
from service.core import Caller, Role
from service.errors import Conflict, Forbidden, NotFound
from service.storage import Database
from service.storage.tables import User

PEOPLE = ["ann", "bob", "cat"]


class Firm:
    """Three people, without the slow hashing of passwords."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(folder / "privity.db")
        self.walls = Walls(self.database)
        self.people = [Caller(f"u{name}", name, role) for name, role in zip(PEOPLE, Role, strict=True)]
        with self.database.write() as rows:
            for person in self.people:
                rows.add(
                    User(id=person.id, name=person.name, password="", role=person.role.value, created=0.0)
                )


@pytest.fixture
def firm(tmp_path: Path) -> Firm:
    return Firm(tmp_path)


moves = st.lists(
    st.tuples(st.sampled_from(["open", "admit", "dismiss"]), *[st.integers(0, 2)] * 3), max_size=25
)


@settings(max_examples=25, deadline=None)
@given(moves)
def test_a_person_sees_exactly_their_matters(moves: list[tuple[str, int, int, int]]) -> None:
    with TemporaryDirectory() as folder:
        firm, members = Firm(Path(folder)), dict[str, set[str]]()
        for move, who, whom, which in moves:
            caller, other = firm.people[who], firm.people[whom]
            if move == "open":
                members[firm.walls.open_matter(caller, "A matter").id] = {caller.name}
            elif members:
                matter = sorted(members)[which % len(members)]
                inside, there = members[matter], caller.name in members[matter]
                try:
                    (firm.walls.admit if move == "admit" else firm.walls.dismiss)(caller, matter, other.name)
                except (NotFound, Conflict):
                    assert not there or move == "dismiss"
                else:
                    assert there
                    inside.add(other.name) if move == "admit" else inside.remove(other.name)
                assert inside, "a matter always has a member"
        for person in firm.people:
            theirs = {matter for matter, inside in members.items() if person.name in inside}
            assert {card.id for card in firm.walls.cards(person)} == theirs
            assert firm.walls.whole_scope(person).matters == theirs
            for matter in members:
                if matter in theirs:
                    assert firm.walls.scope(person, [matter]).covers(frozenset([matter]))
                else:
                    with pytest.raises(NotFound):
                        firm.walls.scope(person, [matter, *theirs])
        firm.database.close()


def test_an_admin_is_not_let_into_matters(firm: Firm) -> None:
    matter = firm.walls.open_matter(firm.people[0], "Harrow v Lyle").id
    admin = firm.people[2]
    assert admin.role is Role.ADMIN
    with pytest.raises(NotFound):
        firm.walls.scope(admin, [matter])
    with pytest.raises(NotFound):
        firm.walls.admit(admin, matter, "cat")


def test_a_hidden_matter_reads_like_none(firm: Firm) -> None:
    matter = firm.walls.open_matter(firm.people[0], "Harrow v Lyle").id
    said = []
    for asked in (matter, "mffffffffffffffff"):
        with pytest.raises(NotFound) as refused:
            firm.walls.scope(firm.people[1], [asked])
        said.append(refused.value.message)
    assert said[0] == said[1]


def test_salts_part_what_walls_part(firm: Firm) -> None:
    ann, bob, _ = firm.people
    one, two = (firm.walls.open_matter(ann, name).id for name in ("one", "two"))
    firm.walls.admit(ann, one, "bob")
    salts = [firm.walls.scope(ann, m).salt for m in ([one], [two], [one, two], [])]
    assert len(set(salts)) == 4
    assert firm.walls.scope(bob, [one]).salt == salts[0]
    assert firm.walls.scope(bob, []).salt != salts[3]


def test_only_an_admin_administers(firm: Firm) -> None:
    for person in firm.people[:2]:
        with pytest.raises(Forbidden, match="admin"):
            firm.walls.require(person, "administer")
    firm.walls.require(firm.people[2], "administer")
    assert decide(firm.people[2], "read", member=False).reason


def test_the_last_member_stays(firm: Firm) -> None:
    matter = firm.walls.open_matter(firm.people[0], "Harrow v Lyle").id
    with pytest.raises(Conflict, match="last member"):
        firm.walls.dismiss(firm.people[0], matter, "ann")


def test_accounts_and_walls_share_people(tmp_path: Path) -> None:
    database = Database(tmp_path / "privity.db")
    accounts, walls = Accounts(database, 1), Walls(database)
    ann = accounts.sign_in("ann", accounts.add("ann", Role.MEMBER)).caller
    assert walls.members(ann, walls.open_matter(ann, "A matter").id) == [ann]
