"""Who may come in: a password (its hash is in the settings) for people, a token for programs.

A session is a signed cookie. Its key is made when the console starts, so a restart signs everybody out, and nothing that
stands in the settings is enough to forge one.
"""

import asyncio
import hmac
import os
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from itsdangerous import BadData, URLSafeTimedSerializer

COOKIE = "campaign-mta"
VISIT = "campaign-mta-visit"
STAYS = 12 * 3600
"""Seconds until a session ends."""

FAILURES, ALL_FAILURES, WINDOW = 5, 50, 300.0
"""Wrong passwords from one address, and from all together, within so many seconds, before nobody is let try."""


def hashed(password: str) -> str:
    """What goes into the settings: Argon2id in the PHC form, with the parameters that RFC 9106 section 4 recommends
    where memory is short."""
    kdf = Argon2id(salt=os.urandom(16), length=32, iterations=3, lanes=4, memory_cost=64 * 1024)
    return kdf.derive_phc_encoded(password.encode())


def matches(password: str, phc: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(password.encode(), phc)
    except (InvalidKey, UnicodeEncodeError):
        return False
    return True


@dataclass(slots=True)
class Knocks:
    """Failed tries of late, by address."""

    _of: dict[str, deque[float]] = field(default_factory=dict)
    _all: deque[float] = field(default_factory=lambda: deque(maxlen=ALL_FAILURES))

    def wait(self, origin: str, now: float) -> float:
        """Seconds until this address may try again; 0: at once."""
        waits = [_wait(self._all, ALL_FAILURES, now)]
        if origin in self._of:
            waits.append(_wait(self._of[origin], FAILURES, now))
            if not self._of[origin]:
                del self._of[origin]
        return max(waits)

    def failed(self, origin: str, now: float) -> None:
        self._of.setdefault(origin, deque(maxlen=FAILURES)).append(now)
        self._all.append(now)

    def passed(self, origin: str) -> None:
        self._of.pop(origin, None)


def _wait(failures: deque[float], most: int, now: float) -> float:
    while failures and failures[0] <= now - WINDOW:
        failures.popleft()
    return failures[-most] + WINDOW - now if len(failures) >= most else 0.0


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in. `id` is what a form's token belongs to; empty for a program with the token."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Turned:
    """Not let in. `wait`: seconds until another try is heard, 0 at once."""

    wait: float = 0.0


class Door:
    """`password_hash` or `token` may be missing, not both. `clock` gives seconds."""

    def __init__(self, password_hash: str | None, token: str | None, clock: Callable[[], float]) -> None:
        self._hash = password_hash
        self._token = token
        self._clock = clock
        self._signer = URLSafeTimedSerializer(secrets.token_bytes(32))
        self._left: dict[str, float] = {}
        self._knocks = Knocks()
        self._turn = asyncio.Semaphore(2)

    async def admit(self, name: str, password: str, origin: str) -> Session | Turned:
        """Try a password. Hashing is meant to be slow: few at a time, and beside the loop."""
        if wait := self._knocks.wait(origin, self._clock()):
            return Turned(wait)
        async with self._turn:
            right = self._hash is not None and await asyncio.to_thread(matches, password, self._hash)
        if not right:
            self._knocks.failed(origin, self._clock())
            return Turned(self._knocks.wait(origin, self._clock()))
        self._knocks.passed(origin)
        return Session(secrets.token_urlsafe(16), name)

    def bearer(self, token: str) -> Session | None:
        """Try a token. Tries are not counted: it is too long to be guessed, and a program that has a wrong one must not lock
        out the others at its address."""
        if self._token is not None and hmac.compare_digest(token.encode(), self._token.encode()):
            return Session("", "token")
        return None

    def cookie(self, session: Session) -> str:
        return self._signer.dumps([session.id, session.name], salt="session")

    def session(self, cookie: str | None) -> Session | None:
        """Who a cookie says it is; None: nobody, or no longer."""
        match self._read(cookie, "session", STAYS):
            case [str(id), str(name)] if id not in self._left:
                return Session(id, name)
            case _:
                return None

    def leave(self, session: Session) -> None:
        """Sign out: the cookie is worth nothing from now on, whoever has a copy."""
        now = self._clock()
        self._left = {id: at for id, at in self._left.items() if at > now - STAYS} | {session.id: now}

    def visit(self) -> str:
        """The cookie of somebody who is about to sign in."""
        return self._signer.dumps(secrets.token_urlsafe(16), salt="visit")

    def visitor(self, cookie: str | None) -> str | None:
        match self._read(cookie, "visit", STAYS):
            case str(id):
                return id
            case _:
                return None

    def form_token(self, id: str) -> str:
        """What a form must send along, so that no other site can send it in somebody's name."""
        return self._signer.dumps(id, salt="form")

    def form_holds(self, id: str, token: str) -> bool:
        return self._read(token, "form", STAYS) == id

    def _read(self, signed: str | None, salt: str, age: int) -> object:
        if signed is None:
            return None
        try:
            return self._signer.loads(signed, max_age=age, salt=salt)
        except BadData:
            return None
