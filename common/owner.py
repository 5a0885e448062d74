"""Whose money it is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Owner:
    """The user pool lets a deleted username be taken again, so the token's subject is part of the owner."""

    username: str
    sub: str
