"""Money that comes in from outside: members pay out of their own pockets, chains bring deposits."""

from __future__ import annotations

from sandbox.mixin.assets import CHAINS, UNITS_MAX, Asset
from sandbox.mixin.kernel import Kernel
from sandbox.mixin.records import Entry, Snapshot, hash_of, uuid_of
from sandbox.mixin.refusals import Code, SafeRefused
from sandbox.mixin.rules import asset_of


class Income:
    """Who calls holds the lock of the safe.

    seed: chooses hashes and addresses.
    """

    def __init__(self, kernel: Kernel, seed: int) -> None:
        self.paid = 0
        self.entries: dict[tuple[str, str], Entry] = {}  # by member and chain
        self.deposits: dict[tuple[str, str, int], str] = {}  # by chain, hash and index: the snapshot
        self._kernel = kernel
        self._seed = seed

    def pay(self, sender: str, receiver: str, asset_id: str, units: int, memo: bytes, now_ns: int) -> Snapshot:
        asset = _asset(asset_id, units)
        hash_ = hash_of("payment", self._seed, self.paid + 1)
        told = self._told(receiver, asset, units, hash_, 0, now_ns)
        told.opponent, told.memo = sender, memo.hex()
        self.paid += 1
        return self._take_in(told)

    def entry(self, user_id: str, chain_id: str) -> Entry:
        """Where a member's deposits from a chain arrive; the same each time. Raises SafeRefused(NOT_FOUND)."""
        chain = CHAINS.get(chain_id)
        if chain is None:
            raise SafeRefused(Code.NOT_FOUND, f"there is no chain {chain_id}", "chain_id")
        entry = self.entries.get((user_id, chain_id))
        if entry is None:
            entry = Entry(user_id, chain_id, *chain.address(f"{self._seed}/{user_id}"))
            self.entries[user_id, chain_id] = entry
        return entry

    def owner(self, chain_id: str, destination: str, tag: str) -> str | None:
        """Whose deposits arrive there."""
        for entry in self.entries.values():
            if (entry.chain_id, entry.destination, entry.tag) == (chain_id, destination, tag):
                return entry.user_id
        return None

    def deposit(
        self,
        asset_id: str,
        destination: str,
        tag: str,
        units: int,
        deposit_hash: str,
        index: int,
        sender: str,
        now_ns: int,
    ) -> Snapshot:
        asset = _asset(asset_id, units)
        owner = self.owner(asset.chain_id, destination, tag)
        if owner is None:
            raise SafeRefused(Code.NOT_FOUND, f"nobody has the address {destination!r} with the tag {tag!r}")
        named = (asset.chain_id, deposit_hash, index)
        if named in self.deposits:
            known = self._kernel.timeline.known(self.deposits[named])
            if (known.user_id, known.asset_id, known.units) != (owner, asset_id, units):
                raise SafeRefused(Code.INVALID_TRACE, f"{deposit_hash} brought something else", "deposit_hash")
            return known
        told = self._told(owner, asset, units, hash_of("deposit", *named), index, now_ns)
        told.deposit_hash, told.deposit_index, told.sender = deposit_hash, index, sender
        told.destination, told.tag = destination, tag
        self.deposits[named] = told.snapshot_id
        return self._take_in(told)

    def _told(self, receiver: str, asset: Asset, units: int, hash_: str, index: int, now_ns: int) -> Snapshot:
        at_ns = self._kernel.timeline.stamp(now_ns)
        return Snapshot(
            uuid_of(hash_, index, receiver),
            receiver,
            asset.asset_id,
            units,
            created_ns=at_ns,
            visible_ns=at_ns + self._kernel.timeline.delay(),
            transaction_hash=hash_,
            index=index,
            request_id=uuid_of("request", hash_),
        )

    def _take_in(self, told: Snapshot) -> Snapshot:
        self._kernel.receive(told)
        self._kernel.timeline.add(told)
        return told


def _asset(asset_id: str, units: int) -> Asset:
    asset = asset_of(asset_id)
    if not asset.dust <= units <= UNITS_MAX:
        raise SafeRefused(Code.AMOUNT_TOO_SMALL, f"{units} units of {asset.symbol}", "amount")
    return asset
