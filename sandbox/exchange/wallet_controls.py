"""Deposits and withdrawals for the chain that carries them, and for people. Amounts are text, never JSON numbers.

For the chain, which may say everything again:

POST   /sandbox/chain/deposits      {"coin": "USDT", "network": "TRX", "address": "T…", "tag": "", "amount": "100",
                                     "txid": "…"}              something has come; tag may be left out
GET    /sandbox/chain/withdrawals   the outbox: what is to be sent, the oldest first, amounts without the fee
POST   /sandbox/chain/withdrawals/{withdrawal_id}              {"txid": "…"}: it has left
                                                               {"failed": "why"}: it can not be sent

For people and tests:

GET    /sandbox/wallet              networks, all deposits and withdrawals, faults still to come
PUT    /sandbox/wallet/networks     {"coin": "USDT", "network": "TRX", "deposits": false, "withdrawals": true,
                                     "withdraw_fee": "1", "withdraw_min": "10"}         any of the last four
POST   /sandbox/wallet/faults       {"on": "deposit", "kind": "late", "times": 1}       late, short, never, twice
                                    {"on": "withdrawal", "kind": "stuck"}               reject, stuck
DELETE /sandbox/wallet/faults       those still to come
POST   /sandbox/wallet/withdrawals/{withdrawal_id}/release     one that is stuck goes into the outbox
POST   /sandbox/wallet/withdrawals/{withdrawal_id}/reject

200 with what is in force then; 400, 404 {"error": "…"} with what to do
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from common.money import exact
from sandbox.exchange.faults import IllegalOrder
from sandbox.exchange.venue import Venue
from sandbox.exchange.wallet import Wallet
from sandbox.exchange.wallet.deposits import DepositMishap, told_deposit
from sandbox.exchange.wallet.mishaps import Mishaps
from sandbox.exchange.wallet.withdrawals import WithdrawalMishap, told_withdrawal
from sandbox.serving import Answer, Kinds, NoSuchPath, Request, as_json, members, parsed

_TEXT = (str,)
_AMOUNT = (_TEXT, 'a decimal number in a text such as "100"')
_SWITCH = ((bool,), "true or false")
_KINDS: Kinds = {
    **dict.fromkeys(("coin", "network", "address", "tag", "txid", "failed"), (_TEXT, "text")),
    **dict.fromkeys(("amount", "withdraw_fee", "withdraw_min"), _AMOUNT),
    **dict.fromkeys(("deposits", "withdrawals"), _SWITCH),
    "on": (_TEXT, "deposit or withdrawal"),
    "kind": (_TEXT, f"of a deposit {', '.join(DepositMishap)}, of a withdrawal {', '.join(WithdrawalMishap)}"),
    "times": ((int,), "a whole number"),
}
_CHANGES = ["deposits", "withdrawals", "withdraw_fee", "withdraw_min"]
_fields = partial(members, _KINDS)


class WalletControls:
    """`decide` answers requests under /sandbox/chain and /sandbox/wallet."""

    def __init__(self, venue: Venue, wallet: Wallet) -> None:
        self._venue = venue
        self._wallet = wallet

    def decide(self, request: Request) -> Answer:
        """Raises Refusal."""
        with self._venue.lock:
            match request.path[1:]:
                case ["chain", *rest]:
                    return as_json(self._told_by_the_chain(request, rest))
                case [_, *rest]:
                    return as_json(self._told_by_people(request, rest))
                case _:
                    raise _nothing(request)

    def _told_by_the_chain(self, request: Request, rest: list[str]) -> Any:
        withdrawals = self._wallet.withdrawals
        match request.method, rest:
            case "POST", ["deposits"]:
                given = _fields(parsed(request.body), ["coin", "network", "address", "amount", "txid"], ["tag"])
                return {"deposits": [told_deposit(deposit) for deposit in self._deliver(given)]}
            case "GET", ["withdrawals"]:
                return {"withdrawals": [told_withdrawal(withdrawal) for withdrawal in withdrawals.outbox()]}
            case "POST", ["withdrawals", withdrawal_id]:
                given = _fields(parsed(request.body), [], ["txid", "failed"])
                if given.keys() == {"txid"}:
                    return told_withdrawal(withdrawals.complete(withdrawal_id, given["txid"]))
                if given.keys() == {"failed"}:
                    return told_withdrawal(withdrawals.fail(withdrawal_id, given["failed"]))
                raise IllegalOrder('it has left, {"txid": "…"}, or it can not be sent, {"failed": "why"}')
            case _:
                raise _nothing(request)

    def _deliver(self, given: Mapping[str, Any]) -> Any:
        return self._wallet.deposits.deliver(
            given["coin"],
            given["network"],
            given["address"],
            given.get("tag", ""),
            _amount(given, "amount"),
            given["txid"],
        )

    def _told_by_people(self, request: Request, rest: list[str]) -> Any:
        withdrawals = self._wallet.withdrawals
        match request.method, rest:
            case "GET", []:
                return self.shown()
            case "PUT", ["networks"]:
                given = _fields(parsed(request.body), ["coin", "network"], _CHANGES)
                return {"networks": self._change_network(given)}
            case "POST", ["faults"]:
                given = _fields(parsed(request.body), ["on", "kind"], ["times"])
                self._mishaps(given["on"]).order(given["kind"], given.get("times", 1))
                return {"faults": self._waiting()}
            case "DELETE", ["faults"]:
                for on in ("deposit", "withdrawal"):
                    self._mishaps(on).heal()
                return {"faults": self._waiting()}
            case "POST", ["withdrawals", withdrawal_id, "release"]:
                return told_withdrawal(withdrawals.release(withdrawal_id))
            case "POST", ["withdrawals", withdrawal_id, "reject"]:
                return told_withdrawal(withdrawals.reject(withdrawal_id))
            case _:
                raise _nothing(request)

    def _change_network(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        changes = {
            name: _amount(given, name) if name.startswith("withdraw_") else given[name]
            for name in _CHANGES
            if name in given
        }
        self._wallet.networks.change(given["coin"], given["network"], **changes)
        return self._wallet.networks.state()

    def _mishaps(self, on: str) -> Mishaps[DepositMishap] | Mishaps[WithdrawalMishap]:
        """Raises IllegalOrder."""
        match on:
            case "deposit":
                return self._wallet.deposits.mishaps
            case "withdrawal":
                return self._wallet.withdrawals.mishaps
            case _:
                raise IllegalOrder(f"on is {on!r}; there are deposit, withdrawal")

    def shown(self) -> dict[str, Any]:
        with self._venue.lock:
            return {
                "networks": self._wallet.networks.state(),
                "deposits": [told_deposit(deposit) for deposit in self._wallet.deposits.all()],
                "withdrawals": [told_withdrawal(withdrawal) for withdrawal in self._wallet.withdrawals.all()],
                "faults": self._waiting(),
            }

    def _waiting(self) -> list[dict[str, str]]:
        return [
            {"on": on, "kind": str(kind)} for on in ("deposit", "withdrawal") for kind in self._mishaps(on).waiting()
        ]


def _nothing(request: Request) -> NoSuchPath:
    return NoSuchPath(
        f"nothing answers {request.method} /{'/'.join(request.path)}; there are /sandbox/chain/deposits, "
        "/sandbox/chain/withdrawals, /sandbox/wallet, and under that networks, faults, withdrawals"
    )


def _amount(given: Mapping[str, Any], name: str) -> Decimal:
    try:
        return exact(given[name])
    except (ValueError, InvalidOperation):
        raise IllegalOrder(f"{name} is {given[name]!r}; it must be a decimal number in a text") from None
