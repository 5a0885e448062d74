"""What operators are told of an act of theirs. Which acts there are: `common.domain.acts`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class OperatorOutcome:
    """What an act has done, or (dry run) would do. `done` is false for a dry run and for a repeat of what is so
    already, which `is_repeat`; `says` tells which."""

    id: str
    before: str | None  # its status
    after: str | None
    done: bool
    says: str
    is_repeat: bool = False

    @classmethod
    def repeat(cls, thing_id: str, status: str | None, says: str) -> OperatorOutcome:
        """It is so already: nothing was done."""
        return cls(thing_id, status, status, done=False, says=says, is_repeat=True)


def changes(before: Mapping[str, object] | None, after: Mapping[str, object]) -> str:
    """Which fields change, from what to what. Of what is new all fields are told; it is empty where nothing changes."""
    if before is None:
        return "new: " + ", ".join(f"{name} {value}" for name, value in after.items())
    changed = [name for name in after if before[name] != after[name]]
    return ", ".join(f"{name} from {before[name]} to {after[name]}" for name in changed)
