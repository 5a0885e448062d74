"""Everything that can be in the way of a command. Each says what is the case and what to do about it."""

from __future__ import annotations

from typing import Any


class CommandFailed(Exception):
    """`why` is for a person; `facts` are the same for a program."""

    exit_code = 1

    def __init__(self, why: str, **facts: Any) -> None:
        super().__init__(why)
        self.why = why
        self.facts = facts


class DeskNotFound(CommandFailed):
    """It is not told which desk is meant or who is asking, and no local stack is up."""


class NotAnAddress(CommandFailed):
    """What is told as address or token can not be one."""

    exit_code = 2  # as for any misuse


class Unreachable(CommandFailed):
    """Nothing answers there, or it is not the desk that does."""


class NotSignedIn(CommandFailed):
    """The token is not, or no longer, one that the desk takes."""


class NotAnOperator(CommandFailed):
    """The token is good, and of somebody who may not ask this."""


class Refused(CommandFailed):
    """The desk has a reason to say no: nothing was done."""


class Misused(CommandFailed):
    """The desk does not understand what it is asked: nothing was done."""

    exit_code = 2


class OutOfOrder(CommandFailed):
    """The desk, or something it needs, is broken."""


class TryLater(CommandFailed):
    """Not now: the same may be asked again; `retry_after_seconds` among the facts says when."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h
