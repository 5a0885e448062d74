"""What Binance answers, read: amounts digit by digit, and its errors in our words.

Source of the wire format: github.com/binance/binance-spot-api-docs @a5e0bc3 (rest-api.md, errors.md, filters.md,
enums.md).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from common.errors import Refusal
from common.gateways.exchange import (
    ExchangeFull,
    ExchangeOrderUnknown,
    ExchangeRefused,
    ExchangeUnavailable,
    ExchangeWouldTake,
    MarketUnknown,
    can_be_told,
    not_believed,
)
from common.gateways.transport import Answer, NoAnswer, NotSent
from common.money import FRACTION_DIGITS_MAX, plain

NOT_LET_IN = {-1002, -1022, -2014, -2015}  # our key, its rights or our address

About = Literal["market", "place", "order"]  # what is asked: rules, a new order, an order's state or its end

_PLAIN = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)  # how Binance writes an amount

_CLOSED = "Market is closed."
_FULL = ("Filter failure: EXCHANGE_MAX_NUM_", "Filter failure: MAX_NUM_")
_WOULD_TAKE = "Order would immediately match and take."
# Of the matching engine's messages (-1010, -2010) those after which there is no order. "Duplicate order sent." is not
# among them: there is one. Of these, the first are about the desk's account, whatever the order is.
_OURS = (
    "Account has insufficient balance for requested action.",
    *_FULL,
    "Filter failure: MAX_POSITION",
    "This action is disabled on this account.",
    "This account may not place or cancel orders.",
    "This symbol is not permitted for this account.",
    "This symbol is restricted for this account.",
    "Rest API trading is not enabled.",
)
_NO_ORDER = (*_OURS, "Filter failure: ", "Price * QTY is zero or less.", "Unsupported order combination")


def told_text(entry: Any, name: str, default: str | None = None) -> str:
    value = entry.get(name) if isinstance(entry, Mapping) else None
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or not value:
        raise garbled(f"{name} is missing")
    return value


def told_whole(entry: Any, name: str) -> int:
    text = told_text(entry, name)
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise garbled(f"{name} is {text[:80]!r}")
    return int(text)


def told_decimal(entry: Any, name: str, default: str | None = None) -> Decimal:
    """A number that is not negative, digit by digit. ccxt writes a step of 0.00000001 as 1e-8."""
    text = told_text(entry, name, default)
    try:
        value = Decimal(text)
    except ArithmeticError:
        value = Decimal("NaN")
    if value.is_signed() or not can_be_told(value):
        raise garbled(f"{name} is {text[:80]!r}")
    return Decimal(plain(value)) if value else Decimal(0)


def told_step(entry: Any, name: str, symbol: Any, precision: str) -> Decimal:
    """What a symbol's amounts are multiples of. A filter of 0 is off (filters.md): then the digits count that the
    symbol has after the point, its member `precision`."""
    step = told_decimal(entry, name)
    if step:
        return step
    digits = symbol.get(precision) if isinstance(symbol, Mapping) else None
    if type(digits) is not int or not 0 <= digits <= FRACTION_DIGITS_MAX:
        raise garbled(f"{name} is 0, and {precision} is no number of digits")
    return Decimal(1).scaleb(-digits)


def told_fee(entry: Any) -> tuple[str, Decimal] | None:
    """What a trade cost, and in which coin. None: nothing, for which some name no coin and others leave both out."""
    if entry.get("commission") in (None, "") and not entry.get("commissionAsset"):
        return None
    fee = told_amount(entry, "commission")
    if not fee and entry.get("commissionAsset") in (None, ""):
        return None
    return told_text(entry, "commissionAsset"), fee


def told_amount(entry: Any, name: str) -> Decimal:
    """An amount of an order or a trade, as Binance writes it: digits and a point. Another is not believed."""
    return amount_of(told_text(entry, name), name)


def amount_of(text: Any, name: str) -> Decimal:
    """See `told_amount`."""
    if not isinstance(text, str):
        raise garbled(f"{name} is no text")
    if not _PLAIN.fullmatch(text) or not can_be_told(Decimal(text)):
        raise not_believed(f"{name} is {text[:80]!r}")
    return Decimal(plain(Decimal(text)))


def garbled(why: str) -> ExchangeUnavailable:
    return ExchangeUnavailable(f"the exchange's answer can not be read: {why}", what="garbage")


@dataclass(frozen=True)
class Said:
    """An answer with a status that is no success. Code and message are 0 and "" when its body is not Binance's."""

    status: int
    code: int
    message: str
    retry_after_seconds: int | None

    def __str__(self) -> str:
        return f"{self.message} ({self.code})" if self.code else f"HTTP {self.status}"


def said_of(answer: Answer | None) -> Said | None:
    """None for nothing, and for an answer whose status is fine."""
    if answer is None or answer.status < 300:
        return None
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        body = None
    code, message = (body.get("code"), body.get("msg")) if isinstance(body, dict) else (0, "")
    return Said(
        status=answer.status,
        code=code if type(code) is int else 0,
        message="".join(filter(str.isprintable, message))[:200] if isinstance(message, str) else "",
        retry_after_seconds=answer.retry_after_seconds,
    )


def unavailable(trouble: Exception, said: Said | None) -> ExchangeUnavailable:
    facts: dict[str, Any] = {}
    if said is not None:
        if said.code:
            facts["code"] = said.code
        if said.retry_after_seconds is not None:
            facts["retry_after_seconds"] = said.retry_after_seconds
    match said:
        case None if isinstance(trouble, NoAnswer) and trouble.what == "timeout":
            detail, what = "the exchange did not answer in time", "timeout"
        case None if isinstance(trouble, NotSent):
            detail, what = "the exchange can not be reached; nothing was sent", "connection"
        case None if isinstance(trouble, NoAnswer) and trouble.what == "connection":
            detail, what = "the connection to the exchange broke before its answer was whole", "connection"
        case None:
            detail, what = f"the exchange's answer can not be read ({type(trouble).__name__})", "garbage"
        case Said(status=429 | 418) | Said(code=-1003 | -1015 | -1034):
            detail, what = f"the exchange says that we ask too often: {said}", "rate_limit"
        case Said(status=451):
            detail = f"the exchange does not serve where we ask from (HTTP 451): {said.message or 'it says no more'}"
            what = "refused"
        case Said(status=401 | 403) | Said(code=-1002 | -1022 | -2014 | -2015):
            detail, what = f"the exchange does not let us in ({said}): check its address, our key and rights", "refused"
        case Said(code=-2010, message="Duplicate order sent."):
            detail, what = "the exchange has an order of this client order id: find it", "duplicate"
        case Said(code=-1021):
            detail, what = f"the exchange does not take our time for the time ({said}): check the clock", "clock"
        case _:
            detail, what = f"the exchange could not do it: {said}", "exchange_error"
    return ExchangeUnavailable(detail, what=what, **facts)


def in_our_words(about: About, trouble: Exception, answer: Answer | None) -> Refusal:
    """The one place where their errors become ours.

    After `place` only what can not go together with an order is ExchangeRefused or MarketUnknown: to call something
    unknown that was a no costs a minute, until `find` has not found it; to call something a no that was an order costs
    its value. ccxt's own classes do not tell the two apart ("Duplicate order sent." is an InvalidOrder, as is a price
    off the grid), so what decides is HTTP 4xx with Binance's code and message.

    **No order exists**, and this one never will (ExchangeRefused says, too, whether the cause is `ours`):

        -1013, -1014, -1020         rejected at the gate: "didn't reach the Matching Engine". A filter, a combination
        -1100 … -1199               the request itself is malformed; -1121, or "Market is closed.": MarketUnknown
        -1010, -2010                the matching engine's no, with a message of `_NO_ORDER` (funds, filters, what the
                                    account may trade), or "… not supported for this symbol"; of an order that may
                                    only rest, that it would take: ExchangeWouldTake; that as many are open as it
                                    takes: ExchangeFull
        -1002, -1022, -2014, -2015  rejected at the gate over our key, its rights or our address: `ours`. -2015 also
                                    comes in a temporary ban, of a key that is good

    **It may exist**, so ExchangeUnavailable:

        -2010 Duplicate order sent. it does exist: this, or an earlier call of ours, placed it
        -2010 anything else         a message that we have not met; nothing is concluded from it
        -1000, -1001, -1006, -1007  the gate does not know either
        5xx, whatever its body      Binance: "the execution status is unknown"
        2xx that can not be read, a redirect, a time-out, a broken connection

    **Nothing was placed, but that is not the order's fault**, so ExchangeUnavailable all the same: no customer's order
    fails over it. The look-up that follows does not find the order; or it meets the same trouble until somebody has
    mended it, which is visible as work that is overdue:

        401, without such a code           our key, its rights or our address (`what` = refused)
        -1021                              our clock (`what` = clock), or the way there took longer than recvWindow
        429, 418, -1003, -1015, -1034      we ask too often (`what` = rate_limit, with retry_after_seconds)
        403, -1008, -1016                  a firewall's page; overload; maintenance
        451                                the exchange may not serve our location (`what` = refused)

    For rules and tickers, too, -1121 is MarketUnknown, as is -1220: the market does not trade now. For an order's state
    or cancellation -2013 and -2026 (archived without a fill) are ExchangeOrderUnknown; -1121 is not, as the market may
    be gone and the order filled.
    """
    said = said_of(answer)
    if said is not None and 400 <= said.status < 500:
        if about == "market" and said.code == -1220:
            return MarketUnknown("the market is closed at the exchange now")
        if about != "order" and (said.code == -1121 or (said.code == -1100 and "'symbol'" in said.message)):
            return MarketUnknown("the exchange has no such market")
        if about == "place" and said.code in {-1010, -1013, -2010} and said.message == _CLOSED:
            return MarketUnknown("the market is closed at the exchange now")
        if about == "place" and said.code == -2010 and said.message == _WOULD_TAKE:
            return ExchangeWouldTake(f"the exchange refuses the order: {said}", code=said.code)
        if about == "place" and _definite(said):
            ours = said.code in NOT_LET_IN or said.message.startswith(_OURS)
            kind = ExchangeFull if said.message.startswith(_FULL) else ExchangeRefused
            return kind(f"the exchange refuses the order: {said}", ours=ours, reason=said.message, code=said.code)
        if about == "order" and said.code in {-2013, -2026}:
            return ExchangeOrderUnknown("the exchange does not know the order")
    return unavailable(trouble, said)


def _definite(said: Said) -> bool:
    """No order exists: see `in_our_words`."""
    if said.code in {-1010, -2010}:
        return said.message.startswith(_NO_ORDER) or "not supported for this symbol" in said.message
    return said.code in {-1013, -1014, -1020, *NOT_LET_IN} or -1199 <= said.code <= -1100
