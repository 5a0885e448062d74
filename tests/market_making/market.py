"""Market making of one test: the sandbox's custody and exchange in this process, virtual time, the services."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from common import keys
from common.domain import work
from common.domain.custody.service import OutgoingTransfers
from common.domain.work import WaitingItem
from common.gateways.custody import Sender
from common.table.table import Table
from common.table.transaction import Patience
from functions.market_making.service.paying import Paying
from functions.market_making.service.receiving import Receiving
from functions.market_making.service.sending import Sending
from sandbox.mixin.assets import amount_of, units_of
from sandbox.mixin.fake import FakeCustody
from sandbox.mixin.records import Snapshot
from sandbox.mixin.safe import Safe
from tests.desk import TABLE, Clock
from tests.harness.memory import InMemoryDynamoDB

US = "67a87828-18f5-46a1-b6cc-c72a97a77c43"
ANN = "11111111-1111-4111-8111-111111111111"
BOB = "22222222-2222-4222-8222-222222222222"
BTC = "c6d0c728-2624-429b-8e0d-d9d19b6592fa"
ETH = "43d61dcd-e413-450d-80b8-101d5e903357"
USDT = "4d8c508b-91c5-375b-92b0-ee702ed2dac5"
PAIR = UUID("0776b00f-95c0-46f9-85e4-7b8e7ca51e94")
ORDER = UUID("b0177350-ae29-43ec-a26e-d46f821e416e")


@dataclass
class Market:
    """`client` is what the services write through: the table itself, or something around it that fails."""

    dynamo: InMemoryDynamoDB = field(default_factory=lambda: InMemoryDynamoDB(TABLE))
    clock: Clock = field(default_factory=Clock)
    client: Any = None

    def __post_init__(self) -> None:
        self.safe = Safe(self.clock)
        self.custody = FakeCustody(self.safe, US)
        self.sender: Sender = self.custody
        self.safe.join(ANN, BOB)
        self.known: dict[str, None] = {}

    @property
    def table(self) -> Table:
        patience = Patience(monotonic=self.clock.monotonic, sleep=self.clock.sleep, jitter=lambda: 0.5)
        client: Any = self.client or self.dynamo
        return Table(client, TABLE.name, patience)

    @property
    def paying(self) -> Paying:
        raise NotImplementedError

    @property
    def receiving(self) -> Receiving:
        return Receiving(self.table, lambda: self.custody, None, self.clock, self.known)  # type: ignore[arg-type]

    @property
    def transfers(self) -> OutgoingTransfers:
        return OutgoingTransfers(self.table, lambda: self.custody, lambda: self.sender, self.clock)

    @property
    def sending(self) -> Sending:
        return Sending(self.table, self.transfers, self.clock)

    def pay(self, sender: str, asset_id: str, amount: str, memo: bytes = b"") -> Snapshot:
        return self.safe.pay(sender, US, asset_id, units_of(Decimal(amount)), memo)

    def has(self, user_id: str) -> dict[str, Decimal]:
        """What a user has been sent, by asset."""
        return {asset_id: amount_of(units) for asset_id, units in self.safe.balances(user_id).items() if units}

    def poll(self) -> None:
        self.receiving.poll(lambda: True)

    def send(self) -> None:
        self.sending.round(lambda: True)

    def due(self) -> list[WaitingItem]:
        """The outgoing transfers that wait for no person, whenever they are due."""
        return list(work.due(self.table, keys.OUTGOING.backlog, self.clock() + timedelta(days=1)))

    def ids_of_due(self) -> list[str]:
        return [item.PK for item in self.due()]

    def pass_time(self, **of: float) -> None:
        self.clock.forward(**of)
