"""Whose money it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Owner:
    """The user pool lets a deleted username be taken again, so the token's subject is part of the owner."""

    username: str
    sub: str

    @property
    def subs(self) -> tuple[str, ...]:
        """Those whose lines of the journal are the owner's to see."""
        return (self.sub,)


@dataclass(frozen=True)
class Ownership:
    """Whose an account is, and whose it was before: two operators may move it to a login that was made anew."""

    owner: Owner
    former_subs: tuple[str, ...] = ()  # the first one first; one that has it again is among them, too

    @property
    def username(self) -> str:
        return self.owner.username

    @property
    def first_sub(self) -> str:
        """It stays the same, whoever has the account by now."""
        return self.subs[0]

    @property
    def subs(self) -> tuple[str, ...]:
        """Those under which the account's journal has its lines."""
        return tuple(dict.fromkeys((*self.former_subs, self.owner.sub)))

    def moved_to(self, sub: str) -> Ownership:
        return Ownership(Owner(self.username, sub), self.subs)
