from pathlib import Path

import pytest

from service.access import Accounts
from service.access.accounts import FAILURES
from service.core import Role
from service.errors import BadRequest, Busy, Conflict, NotFound, NotSignedIn
from service.storage import Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "privity.db")


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return Accounts(database, session_hours=1)


def test_a_person_signs_in_and_out(accounts: Accounts) -> None:
    password = accounts.add("ann", Role.MEMBER)
    signed = accounts.sign_in("ann", password)
    assert accounts.authenticate(signed.token) == signed.caller
    accounts.sign_out(signed.token)
    with pytest.raises(NotSignedIn):
        accounts.authenticate(signed.token)


def test_wrong_name_and_wrong_password_read_alike(accounts: Accounts) -> None:
    accounts.add("ann", Role.MEMBER, "correct horse")
    said = []
    for name, password in [("ann", "wrong"), ("bob", "wrong")]:
        with pytest.raises(NotSignedIn) as refused:
            accounts.sign_in(name, password)
        said.append(refused.value.message)
    assert said[0] == said[1]


def test_guessing_is_stopped(accounts: Accounts) -> None:
    accounts.add("ann", Role.MEMBER, "correct horse")
    for _ in range(FAILURES):
        with pytest.raises(NotSignedIn):
            accounts.sign_in("ann", "wrong")
    with pytest.raises(Busy):
        accounts.sign_in("ann", "correct horse")


def test_a_session_ends(database: Database) -> None:
    accounts = Accounts(database, session_hours=0)
    password = accounts.add("ann", Role.MEMBER)
    with pytest.raises(NotSignedIn):
        accounts.authenticate(accounts.sign_in("ann", password).token)


def test_disabling_ends_sessions_and_keys(accounts: Accounts) -> None:
    password = accounts.add("ann", Role.MEMBER)
    token, (_, key) = accounts.sign_in("ann", password).token, accounts.add_key("ann", "script")
    accounts.change("ann", disabled=True)
    accounts.change("ann", disabled=False)
    for presented in (token, key):
        with pytest.raises(NotSignedIn):
            accounts.authenticate(presented)
    assert accounts.sign_in("ann", password)


def test_a_new_password_ends_the_old_one(accounts: Accounts) -> None:
    old = accounts.add("ann", Role.MEMBER)
    caller = accounts.sign_in("ann", old).caller
    accounts.change_own_password(caller, old, "a new password")
    assert accounts.sign_in("ann", "a new password")
    with pytest.raises(NotSignedIn):
        accounts.sign_in("ann", old)


def test_keys_belong_to_their_person(accounts: Accounts) -> None:
    ann = accounts.sign_in("ann", accounts.add("ann", Role.MEMBER)).caller
    bob = accounts.sign_in("bob", accounts.add("bob", Role.MEMBER)).caller
    key, secret = accounts.add_key("ann", "script")
    assert [known.used for known in accounts.keys(ann)] == [0.0]
    assert accounts.authenticate(secret) == ann
    assert accounts.keys(ann)[0].used > 0
    with pytest.raises(NotFound):
        accounts.remove_key(bob, key)
    accounts.remove_key(ann, key)
    with pytest.raises(NotSignedIn):
        accounts.authenticate(secret)


def test_no_secret_is_on_disk(tmp_path: Path, accounts: Accounts) -> None:
    password = accounts.add("ann", Role.MEMBER)
    token, (_, key) = accounts.sign_in("ann", password).token, accounts.add_key("ann", "script")
    on_disk = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for secret in (password, token, key):
        assert secret.encode() not in on_disk


def test_bad_accounts_are_refused(accounts: Accounts) -> None:
    accounts.add("ann", Role.MEMBER)
    with pytest.raises(Conflict, match="ann"):
        accounts.add("ann", Role.ADMIN)
    with pytest.raises(BadRequest):
        accounts.add("a b", Role.MEMBER)
    with pytest.raises(BadRequest, match="8 characters"):
        accounts.add("bob", Role.MEMBER, "short")
