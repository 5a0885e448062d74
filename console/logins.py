"""Who has logged in at which desk, kept in files of the user that nobody else reads: one for each desk.

    $XDG_CONFIG_HOME/cryptodesk/logins/{digest of the desk's address}.json    ~/.config where that is not set

A file is replaced as a whole, so a crash leaves the old one or the new one. Whoever writes or takes away has the lock,
also while he asks the user pool: of two that find a token old, one renews it and the other finds it renewed, and what
was logged out is not renewed again.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from console.connection import UserPool
from console.errors import CommandFailed, NotSignedIn
from console.user_pool import Refused, Tokens, renewed, revoke

BEFORE_SECONDS = 120  # a token is renewed so long before its end: a command that begins with it ends with it
_ENDED = {"NotAuthorizedException", "ResourceNotFoundException", "UserNotFoundException"}  # as the user pool says it


@dataclass(frozen=True)
class Login:
    """At the desk of this address. `ends_at`: of its token, in seconds since 1970 of this machine's clock."""

    url: str
    pool: UserPool
    tokens: Tokens
    ends_at: int

    @classmethod
    def read(cls, text: str) -> Login:
        """Raises LookupError, TypeError, ValueError."""
        told = json.loads(text)
        return cls(told["url"], UserPool(**told["pool"]), Tokens(**told["tokens"]), int(told["ends_at"]))

    @property
    def text(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"


@dataclass(frozen=True)
class Logins:
    folder: Path
    now: Callable[[], float] = time.time

    @classmethod
    def of_user(cls) -> Logins:
        settings = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        return cls(Path(settings) / "cryptodesk" / "logins")

    def token(self, url: str) -> str | None:
        """Of who has logged in there, good for two minutes at least; None: nobody has. Raises NotSignedIn,
        Unreachable."""
        found = self._read(url)
        if found is not None and not self._good(found):
            with self._alone():
                found = self._renewed(url)
        return None if found is None else found.tokens.access

    def _renewed(self, url: str) -> Login | None:
        found = self._read(url)  # another has renewed it meanwhile, or logged out
        if found is None or self._good(found):
            return found
        try:
            tokens = renewed(found.pool, found.tokens.refresh)
        except Refused as refused:
            if refused.code not in _ENDED:
                raise
            raise NotSignedIn(
                f"your login at {url} has ended ({refused.code}): it was too long ago, or somebody has ended it. "
                "`desk login` begins anew"
            ) from None
        login = self._login(url, found.pool, tokens)
        self._write(login)
        return login

    def keep(self, url: str, pool: UserPool, tokens: Tokens) -> None:
        """In the place of whoever was logged in there, which is revoked if the user pool can be reached. Raises
        NotSignedIn: it can not be kept, and is revoked likewise."""
        try:
            with self._alone():
                before = None
                with contextlib.suppress(NotSignedIn):  # what can not be read is written anew
                    before = self._read(url)
                self._write(self._login(url, pool, tokens))
        except NotSignedIn:
            _given_up(pool, tokens)
            raise
        if before is not None:
            _given_up(before.pool, before.tokens)

    def end(self, url: str) -> bool:
        """Revoked, and then forgotten: killed in between, it is asked for once more. False: nobody was logged in.
        Raises NotSignedIn, Unreachable; then nothing is forgotten."""
        if self._read(url) is None:
            return False
        with self._alone():
            found = self._read(url)
            if found is None:
                return False
            try:
                revoke(found.pool, found.tokens.refresh)
            except Refused as refused:
                if refused.code not in _ENDED:  # what the pool knows no more gets nobody anything
                    raise
            self._at(url).unlink(missing_ok=True)
            return True

    def _login(self, url: str, pool: UserPool, tokens: Tokens) -> Login:
        return Login(url, pool, tokens, int(self.now()) + tokens.seconds)

    def _good(self, login: Login) -> bool:
        return self.now() < login.ends_at - BEFORE_SECONDS

    def _at(self, url: str) -> Path:
        return self.folder / f"{sha256(url.encode()).hexdigest()[:32]}.json"

    def _read(self, url: str) -> Login | None:
        """Raises NotSignedIn where something else is written there."""
        at = self._at(url)
        try:
            found = Login.read(at.read_text())
        except FileNotFoundError:
            return None
        except (LookupError, TypeError, ValueError, OSError) as unreadable:
            raise NotSignedIn(
                f"{at} can not be read ({type(unreadable).__name__}): delete it, and log in anew"
            ) from None
        return found if found.url == url else None

    def _write(self, login: Login) -> None:
        """For this user alone from the first byte on; whole, or not at all."""
        at = self._at(login.url)
        handle, beside = tempfile.mkstemp(dir=self.folder, prefix=".new-")  # 0600
        try:
            with os.fdopen(handle, "w") as file:
                file.write(login.text)
                file.flush()
                os.fsync(file.fileno())
            Path(beside).replace(at)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (self.folder / "lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as denied:
            raise NotSignedIn(f"{self.folder} can not be written ({denied.strerror}): whose is it?") from None


def _given_up(pool: UserPool, tokens: Tokens) -> None:
    """Nobody holds it any more. Where the pool is silent it ends by itself, in half a day."""
    with contextlib.suppress(CommandFailed):
        revoke(pool, tokens.refresh)
