"""What came into our accounts at the exchange on a day, and what went out of them.

Nothing here moves the money of the desk's own account: people do, and whoever has not done it wants to know. A trading
account of market making gets deposits, each of which one leg of an order has claimed, and withdraws under ids of its
own; what a person or a stranger withdraws by hand has none, or another one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from common.gateways.exchange import ExchangeUnavailable
from common.gateways.exchange.funds import Movement, Movements, NoTradingKey
from common.log import log
from common.table.table import Table
from functions.operations import store
from functions.operations.service.comparing_days import NOBODYS, Told

FUNDS = "~"  # behind every asset; with an account's id, that one's
_OURS = re.compile(r"[0-9a-f]{32}")  # an id under which market making withdraws


@dataclass(frozen=True)
class ComparingFunds:
    """`desk` is of the desk's own account, None where its exchange tells of none; `account` that of a trading account,
    by its id."""

    table: Table
    desk: Callable[[], Movements | None]
    account: Callable[[str], Movements]
    pause: Callable[[], None]  # between two looks at the same

    def places(self) -> list[str]:
        return [FUNDS, *(f"{FUNDS}{account_id}" for account_id in store.trading_accounts(self.table))]

    def told(self, place: str, day: date) -> list[Told]:
        """What of an account is not accounted for, the same at two looks. Raises ExchangeUnavailable,
        TableUnavailable."""
        account_id = place.removeprefix(FUNDS)
        if not account_id:
            movements = self.desk()
            return [] if movements is None else self._compared("", movements, day)
        try:
            return self._compared(account_id, self.account(account_id), day)
        except (NoTradingKey, ExchangeUnavailable) as no:
            if isinstance(no, ExchangeUnavailable) and no.facts.get("what") != "refused":
                raise
            log.error("account not compared", extra={"account_id": account_id, "why": no.detail})
            why = f"what came in and went out can not be told: {no.detail}"
            return [Told(account_id, account_id, NOBODYS, Decimal(0), Decimal(0), why, certain=False)]

    def _compared(self, account_id: str, movements: Movements, day: date) -> list[Told]:
        strange = self._strange(account_id, movements.movements(day))
        if not strange:
            return []
        self.pause()
        again = set(self._strange(account_id, movements.movements(day)))
        return [_nobodys(account_id, movement, certain=movement in again) for movement in strange]

    def _strange(self, account_id: str, movements: Sequence[Movement]) -> list[Movement]:
        return [one for one in movements if not account_id or not self._is_ours(account_id, one)]

    def _is_ours(self, account_id: str, movement: Movement) -> bool:
        if movement.went_out:
            return movement.our_id is not None and _OURS.fullmatch(movement.our_id) is not None
        return store.is_a_legs(self.table, account_id, movement.movement_id)


def _nobodys(account_id: str, movement: Movement, *, certain: bool) -> Told:
    """What came in or went out, in coins: it is no part of the sum in dollars."""
    name = "withdrawal" if movement.went_out else "deposit"
    under = "" if movement.our_id is None else f" under {movement.our_id[:64]}"
    whose = f" of account {account_id}" if account_id else ""
    why = f"a {name}{whose} of {movement.quantity}{under}, which nothing here has asked for"
    their_id = " ".join(filter(None, (name, movement.movement_id, account_id)))
    return Told(their_id, movement.quantity.asset_id, NOBODYS, Decimal(0), Decimal(0), why, certain)
