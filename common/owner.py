"""Whose money it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Owner:
    """A customer. The user pool lets a deleted username be taken again by anybody, so the token's subject (`sub`),
    which is never used again, is part of the owner."""

    username: str
    sub: str

    @property
    def subs(self) -> tuple[str, ...]:
        """The subs whose lines of the journal the owner may see."""
        return (self.sub,)


@dataclass(frozen=True)
class Ownership:
    """Whose an account is, and which subs had it before: two operators may move it to a login that was made anew."""

    owner: Owner
    former_subs: tuple[str, ...] = ()  # oldest first; the present one is among them, too, if it had the account before

    @property
    def username(self) -> str:
        return self.owner.username

    @property
    def first_sub(self) -> str:
        """The sub that opened the account. It stays the same, whoever has the account by now: what is derived from it,
        such as the id of a wire, is known again after a move."""
        return self.subs[0]

    @property
    def subs(self) -> tuple[str, ...]:
        """All subs under which the account's journal has lines, oldest first, each once."""
        return tuple(dict.fromkeys((*self.former_subs, self.owner.sub)))

    def moved_to(self, sub: str) -> Ownership:
        """Whose it is when the login with this sub has it."""
        return Ownership(Owner(self.username, sub), self.subs)
