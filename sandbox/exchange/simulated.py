"""All of the exchange in one place, as its process runs it and as a test may serve it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sandbox.exchange.account_controls import AccountControls
from sandbox.exchange.alphapoint import AlphaPointFace
from sandbox.exchange.binance import BinanceFace
from sandbox.exchange.controls import Controls
from sandbox.exchange.desk import BALANCES, DESK, DESK_AT_ALPHAPOINT, DESK_AT_BINANCE, NETWORKS, SYMBOLS
from sandbox.exchange.faults import Faults
from sandbox.exchange.flow import Profiles
from sandbox.exchange.keyring import Keyring
from sandbox.exchange.venue import Venue
from sandbox.exchange.wallet import SETTLE_SECONDS, Wallet
from sandbox.exchange.wallet_controls import WalletControls
from sandbox.serving import Decide, switch


class SimulatedExchange:
    """A venue, the keys of its accounts, their wallet, and what can go wrong. `furnish` opens markets and the desk's
    account, `faces` answers for all of it."""

    def __init__(self, clock: Callable[[], datetime], seed: int = 7, settle_seconds: float = SETTLE_SECONDS) -> None:
        self.venue = Venue(clock, seed, magic=True)
        self.faults = Faults()
        self.keyring = Keyring([DESK_AT_BINANCE])
        self.wallet = Wallet(self.venue, NETWORKS, clock, settle_seconds)
        self.profiles = Profiles()
        self._clock = clock

    def furnish(self) -> None:
        """List the markets and open the desk's account where they are not there. Raises ValueError."""
        for symbol in SYMBOLS:
            self.venue.list_symbol(symbol)
        if DESK not in self.venue.accounts:
            self.venue.open_account(DESK, BALANCES)

    def controls(self, on_change: Callable[[], None] = lambda: None) -> Controls:
        accounts, wallet = AccountControls(self.venue, self.keyring), WalletControls(self.venue, self.wallet)
        return Controls(
            self.venue,
            self.faults,
            None,
            self._clock,
            on_change,
            self.profiles,
            {"accounts": accounts.decide, "limits": accounts.decide, "chain": wallet.decide, "wallet": wallet.decide},
        )

    def faces(self, controls: Controls) -> Decide:
        """Everything that is answered over HTTP."""
        at_binance = BinanceFace(self.venue, self.keyring, self.faults, self._clock, self.wallet).decide
        at_alphapoint = AlphaPointFace(self.venue, [DESK_AT_ALPHAPOINT], self.faults).decide
        return switch({"api": at_binance, "sapi": at_binance, "AP": at_alphapoint, "sandbox": controls.decide})

    def state(self, *, since_trade: int = 0) -> dict[str, Any]:
        """What outlives a restart, in what JSON can hold; the settings of the controls besides.

        since_trade: as of `Venue.state`.
        """
        with self.venue.lock:  # the money, and what it came with or goes with, of one moment
            venue = self.venue.state(since_trade=since_trade)
            return {"venue": venue, "keys": self.keyring.state(), "wallet": self.wallet.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """As `state` told, or as it told before there were keys and a wallet in it.

        Raises ValueError, KeyError, TypeError, decimal.InvalidOperation, Refusal. Some of it may be restored then.
        """
        self.venue.restore(state["venue"])
        if "keys" in state:
            self.keyring.restore(state["keys"])
        if "wallet" in state:
            self.wallet.restore(state["wallet"])
