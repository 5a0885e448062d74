"""The outputs of all members. Money moves here from output to output; who may do that is decided in `safe`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice

from sandbox.mixin.records import Output, State


class Holdings:
    def __init__(self) -> None:
        self.sequence = 0
        self._outputs: dict[tuple[str, int], Output] = {}
        self._unspent: defaultdict[tuple[str, str], dict[int, Output]] = defaultdict(dict)

    def add(self, output: Output) -> None:
        """Raises ValueError when there is one at that place."""
        if output.place in self._outputs:
            raise ValueError(f"there are two outputs at {output.place}")
        self._outputs[output.place] = output
        self.sequence = max(self.sequence, output.sequence)
        if output.state is State.UNSPENT:
            self._unspent[output.owner, output.asset_id][output.sequence] = output

    def get(self, place: tuple[str, int]) -> Output | None:
        return self._outputs.get(place)

    def mark(self, output: Output, state: State, signed_by: str, now_ns: int) -> None:
        output.state, output.signed_by, output.updated_ns = state, signed_by, now_ns
        self._unspent[output.owner, output.asset_id].pop(output.sequence, None)

    def page(
        self, owner: str, asset_id: str | None, state: State | None, offset: int, limit: int, *, ascending: bool
    ) -> list[Output]:
        """The first `limit` whose sequence is at least `offset`, ascending; or at most, descending."""
        if not ascending:
            low = [output for output in self._of(owner, asset_id, state) if output.sequence <= offset]
            return low[::-1][:limit]
        high = (output for output in self._of(owner, asset_id, state) if output.sequence >= offset)
        return list(islice(high, limit))

    def balances(self, owner: str) -> dict[str, int]:
        """By asset, also what a transaction holds and has not spent yet."""
        sums: defaultdict[str, int] = defaultdict(int)
        for output in self._outputs.values():
            if output.owner == owner and output.state is not State.SPENT:
                sums[output.asset_id] += output.units
        return dict(sums)

    def all(self) -> Iterator[Output]:
        """Ascending."""
        return iter(self._outputs.values())

    def _of(self, owner: str, asset_id: str | None, state: State | None) -> Iterator[Output]:
        if asset_id is not None and state is State.UNSPENT:
            return iter(self._unspent[owner, asset_id].values())
        return (
            output
            for output in self._outputs.values()
            if output.owner == owner and asset_id in (None, output.asset_id) and state in (None, output.state)
        )
