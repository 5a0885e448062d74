"""The rules of the custody: who has what, and what moves it. The faces put a wire, or the port, in front of it.

A transaction is registered under a request id, which changes nothing, and sent, which signs it: its inputs are held
for it (`signed`) and `kernel_seconds` later they are spent, what it makes is there, and snapshots tell of it. A
withdrawal is on its chain `chain_seconds` after that, and then it has the chain's hash.

Several are registered, and several are sent, all or none. The same again answers with what is there; a request id of
another transaction is refused. A refusal is not kept: who is refused for a fee that was too low may send the same
again, when fees have fallen, and is heard.

Members who pay us, and whoever sends from a chain, have endless money: it is counted when it arrives.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from threading import RLock
from typing import Any

from sandbox.mixin import persistence
from sandbox.mixin.costs import Costs
from sandbox.mixin.income import Income
from sandbox.mixin.kernel import Kernel
from sandbox.mixin.keys import OneTimeKeys
from sandbox.mixin.records import CASHIER, Draft, Entry, Gone, Output, Payment, Request, Snapshot, State
from sandbox.mixin.refusals import Code, SafeRefused, invalid
from sandbox.mixin.rules import asset_of, check_address, check_fees, check_free, check_terms
from sandbox.mixin.timeline import Timeline
from sandbox.mixin.times import ns_of

SECONDS_MAX = 86_400.0


class Safe:
    """Safe to use from several threads. `lock` makes several calls one for the others; a record is read under it.

    clock: aware UTC (`common.clock.now`, or a test's own).
    seed: chooses hashes and addresses.
    """

    def __init__(self, clock: Callable[[], datetime], seed: int = 7) -> None:
        self.lock = RLock()
        self._clock = clock
        self._seed = seed
        self._kernel = Kernel()
        self._income = Income(self._kernel, seed)
        self._keys = OneTimeKeys()
        self._members = {CASHIER}
        self._costs = Costs()
        self._refusals: deque[Code] = deque()

    def now(self) -> datetime:
        return self._clock()

    def settle(self) -> bool:
        """Let all that is due happen, which every call does first. Whether anything did."""
        with self.lock:
            return self._kernel.run(ns_of(self._clock()))

    def _now_ns(self) -> int:
        now_ns = ns_of(self._clock())
        self._kernel.run(now_ns)
        return now_ns

    # Members

    @property
    def members(self) -> list[str]:
        return sorted(self._members)

    def join(self, *user_ids: str) -> None:
        """Registered from now on: they may have money."""
        with self.lock:
            self._members.update(user_ids)

    def require(self, user_id: str) -> None:
        """Raises SafeRefused(USER_UNKNOWN)."""
        if user_id not in self._members:
            raise SafeRefused(Code.USER_UNKNOWN, f"{user_id} is not registered", "receivers")

    def make_key(self, receiver: str, index: int, hint: str) -> str:
        """See `OneTimeKeys.make`. Raises SafeRefused(USER_UNKNOWN)."""
        with self.lock:
            self.require(receiver)
            return self._keys.make(receiver, index, hint)

    def receiver_of(self, mask: str, index: int) -> str:
        """See `OneTimeKeys.receiver`."""
        with self.lock:
            return self._keys.receiver(mask, index)

    # Transactions

    def register(self, user_id: str, drafts: Sequence[Draft]) -> list[Request]:
        """All or none. Raises SafeRefused."""
        with self.lock:
            now_ns, requests = self._now_ns(), self._kernel.requests
            if len({draft.request_id for draft in drafts}) < len(drafts):
                raise invalid("request_id", "one stands there twice")
            for draft in drafts:
                known = requests.get(draft.request_id)
                if known is not None and (known.raw, known.user_id) != (draft.raw, user_id):
                    raise SafeRefused(Code.INVALID_TRACE, f"{draft.request_id} is another transaction's", "request_id")
            new = [draft for draft in drafts if draft.request_id not in requests]
            if new:
                self._check(user_id, drafts, new)
            for draft in new:
                self._keys.use(draft)
                self._kernel.register(
                    Request(draft.request_id, user_id, draft.raw, draft.transaction_hash, draft.terms, now_ns)
                )
            return [requests[draft.request_id] for draft in drafts]

    def _check(self, user_id: str, drafts: Sequence[Draft], new: Sequence[Draft]) -> None:
        outputs, known = self._kernel.holdings.get, self._kernel.hashes
        named = {draft.transaction_hash for draft in drafts}
        for draft in new:
            check_terms(draft.terms, outputs, user_id)
            if draft.transaction_hash in known:
                raise SafeRefused(Code.INVALID_TRACE, "the transaction has another request id", "request_id")
            for reference in draft.terms.references:
                if reference not in named and reference not in known:
                    raise invalid("references", f"there is no transaction {reference}")
            for output in draft.terms.outputs:
                if isinstance(output, Payment):
                    self.require(output.receiver)
            self._keys.check(draft)
        check_free([p for draft in new for p in draft.terms.inputs], outputs, Code.LOCKED_ELSEWHERE)
        check_fees([(draft.transaction_hash, draft.terms) for draft in drafts], self._costs)

    def send(self, user_id: str, request_ids: Sequence[str]) -> list[Request]:
        """All or none of those that were not sent before. Raises SafeRefused."""
        with self.lock:
            requests = [self.request(request_id) for request_id in request_ids]
            if any(request.user_id != user_id for request in requests):
                raise SafeRefused(Code.FORBIDDEN, "that is another member's")
            new = [request for request in requests if request.state is State.UNSPENT]
            if new and self._refusals:
                raise SafeRefused(self._refusals.popleft(), "so it was ordered")
            places = [place for request in new for place in request.terms.inputs]
            check_free(places, self._kernel.holdings.get, Code.INPUT_LOCKED)
            if new:
                check_fees([(request.transaction_hash, request.terms) for request in requests], self._costs)
            now_ns = self._now_ns()
            for request in new:
                self._kernel.sign(request, now_ns)
            return requests

    # Looking

    def request(self, named: str) -> Request:
        """By request id or by hash. Raises SafeRefused(NOT_FOUND)."""
        with self.lock:
            self._now_ns()
            found = self._kernel.requests.get(named) or self._kernel.hashes.get(named)
            if found is None:
                raise SafeRefused(Code.NOT_FOUND, f"there is no transaction {named}")
            return found

    def requests(self) -> list[Request]:
        """All that were registered, in that order."""
        with self.lock:
            self._now_ns()
            return list(self._kernel.requests.values())

    def snapshots(
        self, user_id: str, asset_id: str | None, offset_ns: int | None, limit: int, *, ascending: bool = True
    ) -> list[Snapshot]:
        """See `Timeline.page`."""
        with self.lock:
            now_ns = self._now_ns()
            return self._kernel.timeline.page(user_id, asset_id, offset_ns, limit, now_ns, ascending=ascending)

    def snapshot(self, user_id: str, snapshot_id: str) -> Snapshot:
        """Raises SafeRefused(NOT_FOUND)."""
        with self.lock:
            found = self._kernel.timeline.get(user_id, snapshot_id, self._now_ns())
            if found is None:
                raise SafeRefused(Code.NOT_FOUND, f"there is no snapshot {snapshot_id}")
            return found

    def outputs(
        self, owner: str, asset_id: str | None, state: State | None, offset: int, limit: int, *, ascending: bool = True
    ) -> list[Output]:
        """Those whose sequence is at least `offset`, ascending; or at most, descending."""
        with self.lock:
            self._now_ns()
            return self._kernel.holdings.page(owner, asset_id, state, offset, limit, ascending=ascending)

    def output(self, place: tuple[str, int]) -> Output | None:
        return self._kernel.holdings.get(place)

    def balances(self, owner: str) -> dict[str, int]:
        """Of each asset what a member has in outputs that are not spent."""
        with self.lock:
            self._now_ns()
            return self._kernel.holdings.balances(owner)

    def fees(self, asset_id: str, destination: str) -> Mapping[str, int]:
        """What a withdrawal costs now, by what it may be paid with. Raises SafeRefused: NOT_FOUND, INVALID_ADDRESS."""
        with self.lock:
            check_address(asset_of(asset_id), destination)
            return self.costs(asset_id)

    def costs(self, asset_id: str) -> Mapping[str, int]:
        """What any withdrawal of an asset costs, by what it may be paid with. Raises KeyError."""
        return self._costs[asset_id]

    @property
    def delays(self) -> dict[str, float]:
        return {"kernel_seconds": self._kernel.kernel_seconds, "chain_seconds": self._kernel.chain_seconds}

    def gone(self, after: int = 0) -> list[Gone]:
        """The withdrawals that are on their chains, from one number on."""
        with self.lock:
            self._now_ns()
            return self._kernel.gone[after:]

    # Money that comes in

    def pay(self, sender: str, receiver: str, asset_id: str, units: int, memo: bytes = b"") -> Snapshot:
        """A member pays another out of his own pocket. Raises SafeRefused."""
        with self.lock:
            now_ns = self._now_ns()
            self.require(receiver)
            snapshot = self._income.pay(sender, receiver, asset_id, units, memo, now_ns)
            self.join(sender)
            return snapshot

    def entry(self, user_id: str, chain_id: str) -> Entry:
        """See `Income.entry`."""
        with self.lock:
            return self._income.entry(user_id, chain_id)

    def deposit(
        self, asset_id: str, destination: str, tag: str, units: int, deposit_hash: str, index: int = 0, sender: str = ""
    ) -> Snapshot:
        """What a chain brings; the same hash and index again answers with what came of the first.

        Raises SafeRefused: NOT_FOUND where nobody has that address and tag, and then the money is lost; INVALID_TRACE
        for a hash and index that brought something else.
        """
        with self.lock:
            now_ns = self._now_ns()
            return self._income.deposit(asset_id, destination, tag, units, deposit_hash, index, sender, now_ns)

    # Controls

    @property
    def timeline(self) -> Timeline:
        """For what is told of snapshots: `same_next`, `late_next`, `lie_next`, `heal`."""
        return self._kernel.timeline

    def confirm(self, request_id: str) -> Request:
        """A withdrawal that was sent is on its chain now, also one that is stuck. Raises SafeRefused."""
        with self.lock:
            request = self.request(request_id)
            if request.terms.withdrawal is None or request.state is State.UNSPENT:
                raise invalid("request_id", f"{request_id} is no withdrawal that was sent")
            self._kernel.confirm(request, self._now_ns())
            return request

    def stick_next(self, times: int = 1) -> None:
        """The next `times` withdrawals are sent, and stay away from their chains until `confirm`."""
        with self.lock:
            self._kernel.stick += times

    def refuse_next(self, code: Code = Code.INSUFFICIENT_BALANCE, times: int = 1) -> None:
        """The next `times` sendings are refused; they may be sent again."""
        with self.lock:
            self._refusals.extend([code] * times)

    def set_delays(self, *, kernel_seconds: float | None = None, chain_seconds: float | None = None) -> None:
        """Of what is sent, and of what is spent, from now on. Raises ValueError."""
        with self.lock:
            for seconds in (kernel_seconds, chain_seconds):
                if seconds is not None and not 0 <= seconds <= SECONDS_MAX:
                    raise ValueError(f"{seconds} seconds; there must be from 0 to {SECONDS_MAX:g}")
            if kernel_seconds is not None:
                self._kernel.kernel_seconds = kernel_seconds
            if chain_seconds is not None:
                self._kernel.chain_seconds = chain_seconds

    def set_fees(self, asset_id: str, costs: Mapping[str, int]) -> None:
        """See `Costs.change`."""
        with self.lock:
            self._costs.change(asset_id, costs)

    def heal(self) -> None:
        """Forget what was ordered to go wrong and has not yet."""
        with self.lock:
            self._refusals.clear()
            self._kernel.stick = 0
            self._kernel.timeline.heal()

    def ordered(self) -> dict[str, Any]:
        """What was ordered to go wrong and has not yet."""
        with self.lock:
            codes = [int(code) for code in self._refusals]
            return {"refusals": codes, "stuck": self._kernel.stick, **self._kernel.timeline.ordered()}

    # What outlives a restart

    def state(self) -> dict[str, Any]:
        """Everything but what was ordered to go wrong, in what JSON can hold."""
        with self.lock:
            return {
                "members": self.members,
                "fees": dict(self._costs),
                "delays": self.delays,
                "keys": persistence.state_of_keys(self._keys),
                "income": persistence.state_of_income(self._income),
                "kernel": persistence.state_of_kernel(self._kernel),
            }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Be as `state()` told, instead of what is. All or nothing.

        Raises ValueError, KeyError, TypeError, AttributeError for what `state()` did not write, SafeRefused.
        """
        other = Safe(self._clock, self._seed)
        for asset_id, costs in state["fees"].items():
            other._costs.change(asset_id, costs)
        other.set_delays(**state["delays"])
        other._members.update(map(str, state["members"]))
        persistence.read_keys(other._keys, state["keys"])
        persistence.read_kernel(other._kernel, state["kernel"])
        persistence.read_income(other._income, state["income"])
        with self.lock:
            self._members, self._costs, self._keys = other._members, other._costs, other._keys
            self._kernel, self._income = other._kernel, other._income
