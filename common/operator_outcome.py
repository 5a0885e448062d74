"""What operators are told of an act of theirs. Which acts there are: `common.domain.acts`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OperatorOutcome:
    """What an act has done, or (dry run) would do. `done` is false for a dry run and for a repeat of what is so
    already; `says` tells which."""

    id: str
    before: str | None  # its status
    after: str | None
    done: bool
    says: str

    @classmethod
    def repeat(cls, thing_id: str, status: str | None, says: str) -> OperatorOutcome:
        """It is so already: nothing was done."""
        return cls(thing_id, status, status, done=False, says=says)
