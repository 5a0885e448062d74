"""Of what all requests of a minute may weigh together, Binance's last fifth is kept for ending orders.

    X-MBX-USED-WEIGHT-1M: 4711      with every answer: what this address has used of the minute that runs

Weights are counted by the address that asks, and nobody here knows which functions share one. The exchange does: what
it has told last is what all of them have used. A limit that is reached would end cancels, too.

Source: github.com/binance/binance-spot-api-docs @a5e0bc3 (rest-api.md, "IP Limits").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from common.clock import now
from common.gateways.exchange import NOT_ASKED, ExchangeUnavailable, not_believed
from common.gateways.transport import Answer

PER_MINUTE = 6_000  # until the exchange has told its limit
LEAST, MOST = 600, 60_000  # of what is believed
KEPT = 5  # one part of so many
MINUTE = timedelta(minutes=1)


@dataclass
class UsedWeight:
    """As one process has heard it. What was heard counts for a minute: nobody knows when the exchange's own begins."""

    clock: Callable[[], datetime] = now
    per_minute: int = PER_MINUTE
    _used: int = 0
    _heard_at: datetime | None = None

    def hear(self, answer: Answer) -> None:
        told = answer.headers.get("X-MBX-USED-WEIGHT-1M", "")
        if told.isascii() and told.isdigit() and len(told) <= 9:
            self._used, self._heard_at = int(told), self.clock()

    def obey(self, per_minute: int) -> None:
        """What the exchange has told of its limit, if it can be. With less nobody could ask for it again."""
        if not LEAST <= per_minute <= MOST:
            raise not_believed(f"a minute's requests may weigh {per_minute}")
        self.per_minute = per_minute

    def leave_room(self) -> None:
        """Raises ExchangeUnavailable, of which `was_not_asked` is true."""
        if self._heard_at is None or self._used * KEPT < self.per_minute * (KEPT - 1):
            return
        left = self._heard_at + MINUTE - self.clock()
        if not timedelta(0) < left <= MINUTE:
            return
        raise ExchangeUnavailable(
            f"{self._used} of {self.per_minute} are used of what requests of a minute may weigh; the rest is kept for "
            "ending orders, and nothing was sent",
            what=NOT_ASKED,
        )
