"""Over which networks a coin comes and goes, what that costs, and who has which address there."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from common.money import plain
from sandbox.exchange.faults import IllegalOrder

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


@dataclass(frozen=True)
class AddressForm:
    """How addresses of a family of networks look. Families share them: one address for all that Ethereum's form has.

    tagged: one address for everybody, and a number for each (XRP's destination tag).
    """

    family: str
    prefix: str
    alphabet: str
    length: int  # behind the prefix
    tagged: bool = False

    @property
    def pattern(self) -> str:
        return f"^{self.prefix}[{self.alphabet}]{{{self.length}}}$"

    @property
    def tag_pattern(self) -> str:
        """Empty where there are no tags."""
        return "^[0-9]{1,10}$" if self.tagged else ""

    def fits(self, address: str) -> bool:
        return re.fullmatch(self.pattern, address, re.ASCII) is not None

    def fits_tag(self, tag: str) -> bool:
        """A tag may be left out where there are some: who receives may need none."""
        return not tag or bool(self.tagged and re.fullmatch(self.tag_pattern, tag, re.ASCII))

    def address_of(self, account: str) -> tuple[str, str]:
        """(address, tag) of an account; the tag is empty where there are none."""
        owner = "everybody" if self.tagged else account
        digest = hashlib.sha512(f"{self.family}/{owner}".encode()).digest()
        address = self.prefix + "".join(self.alphabet[byte % len(self.alphabet)] for byte in digest[: self.length])
        if not self.tagged:
            return address, ""
        return address, str(int.from_bytes(hashlib.sha256(account.encode()).digest()[:4]))


EVM = AddressForm("evm", "0x", "0123456789abcdef", 40)
TRON = AddressForm("tron", "T", _BASE58, 33)
BITCOIN = AddressForm("bitcoin", "bc1q", _BECH32, 38)
SOLANA = AddressForm("solana", "", _BASE58, 44)
DOGECOIN = AddressForm("dogecoin", "D", _BASE58, 33)
RIPPLE = AddressForm("ripple", "r", _BASE58, 33, tagged=True)


@dataclass(frozen=True)
class Network:
    """A coin on a network, in Binance's words: `network` is ETH for what others call ERC20.

    Amounts are in the coin. The fee is taken from what is withdrawn.
    """

    coin: str
    network: str
    title: str
    form: AddressForm
    explorer: str
    confirmations: int
    deposit_min: Decimal
    withdraw_min: Decimal
    withdraw_fee: Decimal
    withdraw_step: Decimal = Decimal("0.00000001")
    default: bool = False  # of its coin, where nobody names one
    deposits: bool = True  # are taken in
    withdrawals: bool = True  # are sent

    def __post_init__(self) -> None:
        if min(self.deposit_min, self.withdraw_min, self.withdraw_fee) < 0 or self.withdraw_step <= 0:
            raise ValueError(f"{self.coin} on {self.network}: amounts are not below 0, and a step is above it")
        if self.withdraw_min <= self.withdraw_fee:
            raise ValueError(
                f"{self.coin} on {self.network}: a withdrawal of the smallest size would arrive as nothing"
            )


class Networks:
    """All networks of all coins. Its callers hold the venue's lock where one look must agree with another."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = {(network.coin, network.network): network for network in networks}

    def all(self) -> list[Network]:
        return list(self._networks.values())

    def of(self, coin: str) -> list[Network]:
        return [network for network in self.all() if network.coin == coin]

    def find(self, coin: str, name: str | None = None) -> Network | None:
        """A coin's, by its name or the default one."""
        if name is not None:
            return self._networks.get((coin, name))
        return next((network for network in self.of(coin) if network.default), None)

    def named(self, coin: str, name: str) -> Network:
        """Raises IllegalOrder when there is none."""
        network = self.find(coin, name)
        if network is None:
            there_are = ", ".join(f"{network.coin} {network.network}" for network in self.all())
            raise IllegalOrder(f"{coin} has no network {name}; there are {there_are}")
        return network

    def change(self, coin: str, name: str, **changes: Any) -> Network:
        """From now on. Raises IllegalOrder when there is none, or it can not be so."""
        try:
            changed = replace(self.named(coin, name), **changes)
        except ValueError as unfit:
            raise IllegalOrder(str(unfit)) from None
        self._networks[coin, name] = changed
        return changed

    def state(self) -> list[dict[str, Any]]:
        """What may be changed of each, in what JSON can hold."""
        return [
            {
                "coin": network.coin,
                "network": network.network,
                "deposits": network.deposits,
                "withdrawals": network.withdrawals,
                "withdraw_min": plain(network.withdraw_min),
                "withdraw_fee": plain(network.withdraw_fee),
            }
            for network in self.all()
        ]

    def restore(self, state: Iterable[Mapping[str, Any]]) -> None:
        """As `state` told; what is not here any more is left out. Raises KeyError, IllegalOrder, InvalidOperation."""
        for told in state:
            if self.find(told["coin"], told["network"]) is not None:
                self.change(
                    told["coin"],
                    told["network"],
                    deposits=told["deposits"],
                    withdrawals=told["withdrawals"],
                    withdraw_min=Decimal(told["withdraw_min"]),
                    withdraw_fee=Decimal(told["withdraw_fee"]),
                )
