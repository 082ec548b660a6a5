"""People, their passwords, browser sessions and bearer keys.

Passwords are stored as argon2id hashes. A session's or key's token is 256 random bits, so its sha256 is safe to
look it up by; the token itself is shown once and never stored.
"""

import hashlib
import re
import secrets
import time
from collections import defaultdict, deque
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import delete, select, update

from service.core import Caller, Role
from service.errors import BadRequest, Busy, Conflict, NotFound, NotSignedIn
from service.storage import Database
from service.storage.tables import Key, Session, User

NAME = re.compile(r"[\w.@-]{1,64}")
SHORTEST_PASSWORD = 8
FAILURES, WINDOW = 10, 300.0  # wrong passwords for one name within so many seconds, before it must wait
USED_EVERY = 60.0  # seconds between two notes that a key was used


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    name: str
    role: Role
    disabled: bool
    created: float


@dataclass(frozen=True, slots=True)
class SignedIn:
    token: str
    caller: Caller
    expires: float


class Accounts:
    def __init__(self, database: Database, session_hours: int) -> None:
        self._database = database
        self._lifetime = session_hours * 3600.0
        self._hasher = PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_urlsafe())  # unknown names cost the same time
        self._failures: dict[str, deque[float]] = defaultdict(deque)

    # --- people ----------------------------------------------------------------------------------------

    def add(self, name: str, role: Role, password: str | None = None) -> str:
        """Makes an account and returns its password, a random one unless given."""
        if not NAME.fullmatch(name):
            raise BadRequest("A user name has 1 to 64 letters, digits, dots, dashes, underscores or @.")
        password = secrets.token_urlsafe(12) if password is None else _strong(password)
        hashed = self._hasher.hash(password)
        with self._database.write() as rows:
            if rows.scalar(select(User).where(User.name == name)):
                raise Conflict(f"There is a user {name} already. Choose another name.")
            rows.add(User(id=_new("u"), name=name, password=hashed, role=role.value, created=time.time()))
        return password

    def people(self) -> list[Person]:
        with self._database.read() as rows:
            return [_person(row) for row in rows.scalars(select(User).order_by(User.name))]

    def change(
        self,
        name: str,
        *,
        role: Role | None = None,
        disabled: bool | None = None,
        password: str | None = None,
    ) -> Person:
        """Changes what is given. Disabling or a new password ends the person's sessions, disabling their keys too."""
        with self._database.write() as rows:
            row = _named(rows.scalar(select(User).where(User.name == name)), name)
            if role is not None:
                row.role = role.value
            if disabled is not None:
                row.disabled = disabled
            if password is not None:
                row.password = self._hasher.hash(_strong(password))
            if disabled or password is not None:
                rows.execute(delete(Session).where(Session.user == row.id))
            if disabled:
                rows.execute(delete(Key).where(Key.user == row.id))
            return _person(row)

    def change_own_password(self, caller: Caller, old: str, new: str) -> None:
        self._check(caller.name, old)
        self.change(caller.name, password=new)

    # --- signing in ------------------------------------------------------------------------------------

    def sign_in(self, name: str, password: str) -> SignedIn:
        """Raises NotSignedIn for a wrong name or password alike, Busy after too many wrong ones."""
        caller = self._check(name, password)
        token, expires = "ps_" + secrets.token_urlsafe(32), time.time() + self._lifetime
        with self._database.write() as rows:
            rows.execute(delete(Session).where(Session.expires < time.time()))
            rows.add(Session(digest=_digest(token), user=caller.id, expires=expires))
        return SignedIn(token, caller, expires)

    def sign_out(self, token: str) -> None:
        with self._database.write() as rows:
            rows.execute(delete(Session).where(Session.digest == _digest(token)))

    def authenticate(self, token: str) -> Caller:
        """The person behind a session's or a key's token. Raises NotSignedIn."""
        digest = _digest(token)
        with self._database.read() as rows:
            if token.startswith("ps_"):
                session = rows.get(Session, digest)
                user = session.user if session and session.expires > time.time() else None
            else:
                user = self._user_of(rows.scalar(select(Key).where(Key.digest == digest)))
            row = rows.get(User, user) if user else None
        if row is None or row.disabled:
            raise NotSignedIn("The sign-in has ended or the key is not known. Sign in again.")
        return _caller(row)

    def _user_of(self, key: Key | None) -> str | None:
        """Notes that a key was used, to the minute: whoever looks for a forgotten one needs no more."""
        if key is not None and time.time() - key.used > USED_EVERY:
            with self._database.write() as rows:
                rows.execute(update(Key).where(Key.id == key.id).values(used=time.time()))
        return None if key is None else key.user

    def _check(self, name: str, password: str) -> Caller:
        failures = self._failures[name] if len(self._failures) < 10_000 else deque()
        while failures and failures[0] < time.monotonic() - WINDOW:
            failures.popleft()
        if len(failures) >= FAILURES:
            raise Busy("Too many wrong passwords for this name. Try again in five minutes.", retry_after=300)
        with self._database.read() as rows:
            row = rows.scalar(select(User).where(User.name == name))
        try:
            self._hasher.verify(row.password if row else self._nobody, password)
        except VerifyMismatchError:
            row = None
        if row is None or row.disabled:
            failures.append(time.monotonic())
            raise NotSignedIn("The name or the password is not right.")
        self._failures.pop(name, None)
        return _caller(row)

    # --- keys ------------------------------------------------------------------------------------------

    def add_key(self, user: str, name: str) -> tuple[str, str]:
        """(id, secret) of a new bearer key of the user with this name; the secret is never shown again."""
        secret, key = "pk_" + secrets.token_urlsafe(32), _new("k")
        with self._database.write() as rows:
            row = _named(rows.scalar(select(User).where(User.name == user)), user)
            rows.add(Key(id=key, digest=_digest(secret), user=row.id, name=name, created=time.time()))
        return key, secret

    def keys(self, caller: Caller) -> list[Key]:
        with self._database.read() as rows:
            return list(rows.scalars(select(Key).where(Key.user == caller.id).order_by(Key.created)))

    def remove_key_by_secret(self, secret: str) -> None:
        with self._database.write() as rows:
            rows.execute(delete(Key).where(Key.digest == _digest(secret)))

    def remove_key(self, caller: Caller, key: str) -> None:
        with self._database.write() as rows:
            row = rows.get(Key, key)
            if row is None or row.user != caller.id:
                raise NotFound("There is no such key among yours.")
            rows.delete(row)


def _strong(password: str) -> str:
    if len(password) < SHORTEST_PASSWORD:
        raise BadRequest(f"A password has at least {SHORTEST_PASSWORD} characters.")
    return password


def _named(row: User | None, name: str) -> User:
    if row is None:
        raise NotFound(f"There is no user {name}.")
    return row


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _new(prefix: str) -> str:
    return prefix + secrets.token_hex(8)


def _person(row: User) -> Person:
    return Person(row.id, row.name, Role(row.role), row.disabled, row.created)


def _caller(row: User) -> Caller:
    return Caller(row.id, row.name, Role(row.role))
