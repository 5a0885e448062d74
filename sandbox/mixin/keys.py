"""The one-time keys of outputs: whose they are, at which place they may stand, which transaction has used them."""

from __future__ import annotations

from sandbox.mixin.records import Draft, Payment, hash_of
from sandbox.mixin.refusals import Code, SafeRefused


class OneTimeKeys:
    """A key is known by its mask. A mask serves one transaction only."""

    def __init__(self) -> None:
        self.made: dict[str, tuple[str, int]] = {}  # for whom, at which place
        self.used: dict[str, str] = {}  # by which transaction

    def make(self, receiver: str, index: int, hint: str) -> str:
        """The mask of an output for a member at its place in its transaction; the same each time."""
        mask = hash_of("key", receiver, index, hint)
        self.made[mask] = (receiver, index)
        return mask

    def receiver(self, mask: str, index: int) -> str:
        """Raises SafeRefused(INVALID_OUTPUT_KEY) for a mask that was not made for this place."""
        receiver, place = self.made.get(mask, ("", index))
        if receiver == "" or place != index:
            raise SafeRefused(Code.INVALID_OUTPUT_KEY, f"the key of output {index} was not made for it", "keys")
        return receiver

    def check(self, draft: Draft) -> None:
        """Raises SafeRefused(INVALID_OUTPUT_KEY) for a key that another transaction has used, or of somebody else."""
        for index, output in enumerate(draft.terms.outputs):
            if isinstance(output, Payment) and output.mask:
                used_by = self.used.get(output.mask, draft.transaction_hash)
                if used_by != draft.transaction_hash or self.receiver(output.mask, index) != output.receiver:
                    raise SafeRefused(Code.INVALID_OUTPUT_KEY, f"the key of output {index} is locked", "keys")

    def use(self, draft: Draft) -> None:
        for output in draft.terms.outputs:
            if isinstance(output, Payment) and output.mask:
                self.used[output.mask] = draft.transaction_hash
