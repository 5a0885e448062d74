"""The exchange's ways in and out: over which networks coins come and go, what has come, what is leaving.

A chain delivers deposits and fetches withdrawals, over HTTP by `wallet_controls`. The money is the venue's: what all
accounts have of an asset, and what is on the way out of it, is what came in and has not left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sandbox.exchange.venue import Venue
from sandbox.exchange.wallet.deposits import Deposits
from sandbox.exchange.wallet.networks import Network, Networks
from sandbox.exchange.wallet.withdrawals import Withdrawals

SETTLE_SECONDS = 2.0  # from the chain's word to the account, and from an account's to the outbox


class Wallet:
    """clock: as the venue's."""

    def __init__(
        self,
        venue: Venue,
        networks: Iterable[Network],
        clock: Callable[[], datetime],
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        settle_after = timedelta(seconds=settle_seconds)
        self.networks = Networks(networks)
        self.deposits = Deposits(venue, self.networks, clock, settle_after)
        self.withdrawals = Withdrawals(venue, self.networks, clock, settle_after)

    def settle(self) -> None:
        """Let what is due become true."""
        self.deposits.settle()
        self.withdrawals.settle()

    def state(self) -> dict[str, Any]:
        """In what JSON can hold. Who keeps it beside the venue's state takes both under the venue's lock."""
        return {
            "networks": self.networks.state(),
            "deposits": self.deposits.state(),
            "withdrawals": self.withdrawals.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """As `state` told. Raises ValueError, KeyError, TypeError, IllegalOrder, decimal.InvalidOperation."""
        self.networks.restore(state["networks"])
        self.deposits.restore(state["deposits"])
        self.withdrawals.restore(state["withdrawals"])
