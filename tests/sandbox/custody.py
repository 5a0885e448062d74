"""A safe whose clock stands still, with the desk and a customer as members, and a check of everybody's money."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from common.money import Quantity
from sandbox.mixin.assets import ASSETS, CHAINS, amount_of
from sandbox.mixin.desk import DESK
from sandbox.mixin.records import Draft, Payment, Request, Snapshot, State, Terms, Withdrawal, hash_of
from sandbox.mixin.refusals import Code, SafeRefused
from sandbox.mixin.safe import Safe

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
US = DESK.app_id
ANN, BOB = "b0177350-ae29-43ec-a26e-d46f821e416e", "c9f52c4c-1d03-47ce-89a3-bba2cd48f5d6"
ONE = 10**8  # units


class World:
    """numbers: what ids of requests are made of, one after the other."""

    def __init__(self) -> None:
        self.at = NOON
        self.safe = Safe(lambda: self.at)
        self.safe.join(US, ANN)
        self.numbers = 0

    def later(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def new_id(self) -> str:
        self.numbers += 1
        return str(UUID(int=self.numbers))

    def paid(self, asset_id: str, units: int, memo: bytes = b"") -> tuple[str, int]:
        """The place of what Ann pays us."""
        snapshot = self.safe.pay(ANN, US, asset_id, units, memo)
        return snapshot.transaction_hash, snapshot.index

    def draft(
        self,
        asset_id: str,
        inputs: list[tuple[str, int]],
        *outputs: Payment | Withdrawal,
        request_id: str | None = None,
        references: tuple[str, ...] = (),
        extra: bytes = b"",
    ) -> Draft:
        terms = Terms(asset_id, tuple(inputs), outputs, references, extra)
        id_ = request_id or self.new_id()
        return Draft(id_, repr(terms), hash_of(repr(terms), id_), terms)

    def send(self, *drafts: Draft) -> list[Request]:
        self.safe.register(US, drafts)
        return self.safe.send(US, [draft.request_id for draft in drafts])

    def told(self, since_ns: int | None = None, asset_id: str | None = None, limit: int = 500) -> list[Snapshot]:
        return self.safe.snapshots(US, asset_id, since_ns, limit)

    def refused(self, *drafts: Draft) -> Code:
        """The code, having seen that nothing has changed."""
        self.safe.settle()
        before = json.dumps(self.safe.state())
        with pytest.raises(SafeRefused) as refusal:
            self.safe.register(US, drafts)
        assert json.dumps(self.safe.state()) == before
        return refusal.value.code

    def refused_when_sent(self, *request_ids: str) -> Code:
        self.safe.settle()
        before = json.dumps(self.safe.state())
        with pytest.raises(SafeRefused) as refusal:
            self.safe.send(US, request_ids)
        assert json.dumps(self.safe.state()) == before
        return refusal.value.code

    def check(self) -> None:
        """What members have is what has come in and not left; what we are told adds up to what we have."""
        self.safe.settle()
        state = self.safe.state()["kernel"]
        have: Counter[str] = Counter()
        for output in state["outputs"]:
            if output["state"] != State.SPENT:
                have[output["asset_id"]] += output["units"]
        came: Counter[str] = Counter()
        ours: Counter[str] = Counter()
        asked = {request["request_id"] for request in state["requests"]}
        for told in state["snapshots"]:
            from_outside = told["units"] > 0 and told["request_id"] not in asked
            if from_outside or (told["destination"] and told["units"] < 0):
                came[told["asset_id"]] += told["units"]
            if told["user_id"] == US:
                ours[told["asset_id"]] += told["units"]
        assert _but_zeros(have) == _but_zeros(came)
        assert _but_zeros(ours) == self.safe.balances(US)


def _but_zeros(sums: Counter[str]) -> dict[str, int]:
    return {asset_id: units for asset_id, units in sums.items() if units}


def address(chain_id: str) -> str:
    """Of nobody here."""
    return CHAINS[chain_id].address("somebody else")[0]


def quantity(asset_id: str, units: int) -> Quantity:
    assert asset_id in ASSETS
    return Quantity(amount_of(units), asset_id)
