"""Accounts of the exchange for people and tests: who has one, what it may do, and its keys.

GET    /sandbox/accounts                      all customers': magic, limits, keys
POST   /sandbox/accounts                      {"account": "maker-1", "balances": {"USDT": "1000"}, "magic": false}
                                              balances (none) and magic (false) may be left out
PUT    /sandbox/accounts/{account}/magic      {"on": true}
PUT    /sandbox/accounts/{account}/limits     {"orders_per_10_seconds": 50}           the others are as Binance has them
DELETE /sandbox/accounts/{account}/limits     the exchange's own count again
POST   /sandbox/accounts/{account}/keys       {"rights": ["read", "trade", "withdraw"]}
                                              api_key and secret may be given; the same again does nothing
DELETE /sandbox/accounts/{account}/keys/{api_key}
PUT    /sandbox/limits                        of all accounts without their own; announced in exchangeInfo

200 with what is in force then; 400, 404 {"error": "…"} with what to do
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from common.errors import NotFound
from common.money import exact
from sandbox.exchange.faults import IllegalOrder
from sandbox.exchange.keyring import Credential, Keyring, Right
from sandbox.exchange.limits import Limits
from sandbox.exchange.venue import AccountUnknown, Venue
from sandbox.serving import Answer, Kinds, NoSuchPath, Request, as_json, members, parsed

LIMITS = [field.name for field in fields(Limits)]
_KINDS: Kinds = {
    "account": ((str,), 'text such as "maker-1"'),
    "balances": ((dict,), 'an object such as {"USDT": "1000"}'),
    "magic": ((bool,), "true or false"),
    "on": ((bool,), "true or false"),
    "rights": ((list,), f"a list of {', '.join(Right)}"),
    "api_key": ((str,), "text"),
    "secret": ((str,), "text"),
    **dict.fromkeys(LIMITS, ((int,), "a whole number")),
}
_fields = partial(members, _KINDS)


class NoSuchAccount(NotFound): ...


class AccountControls:
    """`decide` answers requests under /sandbox/accounts and /sandbox/limits."""

    def __init__(self, venue: Venue, keyring: Keyring) -> None:
        self._venue = venue
        self._keyring = keyring

    def decide(self, request: Request) -> Answer:
        """Raises Refusal."""
        try:
            return as_json(self._decided(request))
        except AccountUnknown as unknown:
            raise NoSuchAccount(f"{unknown}; POST /sandbox/accounts opens one") from None

    def _decided(self, request: Request) -> Any:
        match request.method, request.path[1:]:
            case "GET", ["accounts"]:
                return self.shown()
            case "POST", ["accounts"]:
                return self._open(_fields(parsed(request.body), ["account"], ["balances", "magic"]))
            case "PUT", ["accounts", account, "magic"]:
                on = _fields(parsed(request.body), ["on"])["on"]
                with self._venue.lock:
                    self._venue.account(account).magic = on
                return self._shown(account)
            case "PUT", ["accounts", account, "limits"]:
                self._venue.set_limits(limits_told(parsed(request.body)), account)
                return self._shown(account)
            case "DELETE", ["accounts", account, "limits"]:
                self._venue.set_limits(None, account)
                return self._shown(account)
            case "POST", ["accounts", account, "keys"]:
                return self._issue(account, _fields(parsed(request.body), ["rights"], ["api_key", "secret"]))
            case "DELETE", ["accounts", account, "keys", api_key]:
                if not self._keyring.revoke(account, api_key):
                    raise NoSuchAccount(f"{account} has no key {api_key}; see GET /sandbox/accounts")
                return self._shown(account)
            case "PUT", ["limits"]:
                self._venue.set_limits(limits_told(parsed(request.body)))
                return asdict(self._venue.limits_of())
            case _:
                raise NoSuchPath(
                    f"nothing answers {request.method} /{'/'.join(request.path)}; there are /sandbox/accounts, and "
                    "under an account's name magic, limits, keys"
                )

    def shown(self) -> dict[str, Any]:
        """By account."""
        return {account: self._shown(account) for account in self._venue.customers}

    def _shown(self, account: str) -> dict[str, Any]:
        with self._venue.lock:
            return {
                "magic": self._venue.account(account).magic,
                "limits": asdict(self._venue.limits_of(account)),
                "keys": [_told(credential) for credential in self._keyring.of(account)],
            }

    def _open(self, given: Mapping[str, Any]) -> dict[str, Any]:
        account, balances = given["account"], given.get("balances", {})
        if not account or "/" in account or not account.isprintable():
            raise IllegalOrder(f"account is {account!r}; it must be a name without a slash")
        amounts = {asset: _amount(asset, written) for asset, written in balances.items()}
        try:
            self._venue.open_account(account, amounts, magic=given.get("magic", False))
        except ValueError as unfit:
            raise IllegalOrder(str(unfit)) from None
        return {account: self._shown(account)}

    def _issue(self, account: str, given: Mapping[str, Any]) -> dict[str, Any]:
        rights = given["rights"]
        if not rights or any(right not in list(Right) for right in rights):
            raise IllegalOrder(f"rights are {rights!r}; there must be some of {', '.join(Right)}")
        self._venue.account(account)
        try:
            issued = self._keyring.issue(account, map(Right, rights), given.get("api_key"), given.get("secret"))
        except ValueError as taken:
            raise IllegalOrder(str(taken)) from None
        return _told(issued)


def limits_told(given: Any) -> Limits:
    """Those that are given; the others are as Binance has them. Raises BadRequest, IllegalOrder."""
    try:
        return Limits(**_fields(given, [], LIMITS))
    except ValueError as unfit:
        raise IllegalOrder(str(unfit)) from None


def _told(credential: Credential) -> dict[str, Any]:
    """With its secret: it is a sandbox."""
    return {
        "account": credential.account,
        "api_key": credential.api_key,
        "secret": credential.secret,
        "rights": sorted(credential.rights),
    }


def _amount(asset: str, written: Any) -> Decimal:
    try:
        return exact(written if isinstance(written, str) else "none")
    except (ValueError, InvalidOperation):
        raise IllegalOrder(f"balances has {asset}: {written!r}; it must be a decimal number in a text") from None
