"""What an AlphaPoint exchange says, as its documents show it, and the order that the tests place there."""

from __future__ import annotations

import json

from common.gateways.exchange import Side, Ticket
from common.gateways.exchange.alphapoint import client_order_number
from common.money import Price, Quantity
from tests.gateways.wire import row

OURS = "abcdefghijklmnopq2"
NUMBER = client_order_number(OURS)
SELL = Ticket(Side.SELL, Quantity("0.345", "BTC"), Price("19010.5"), OURS)
DIGITS = "0" * 24  # living exchanges write 28 decimals


def instrument(
    number: int, base: str, quote: str = "USDT", products: tuple[int, int] = (1, 5), **told: object
) -> dict[str, object]:
    whole = {
        **row("OMSId InstrumentId Symbol SessionStatus IsDisable", 1, number, f"{base}{quote}", "Running", False),
        **row("Product1 Product1Symbol Product2 Product2Symbol", products[0], base, products[1], quote),
        **row("QuantityIncrement PriceIncrement MinimumQuantity", 0.00001, 0.01, 0.0001),
    }
    return whole | told


BTC = instrument(8, "BTC")
ETH = instrument(9, "ETH", products=(2, 5))
INSTRUMENTS = json.dumps([BTC, ETH])


LEVEL_1 = (
    f'{{"OMSId":1,"InstrumentId":8,"BestBid":19010.5{DIGITS},"BidQty":0.5{DIGITS},'
    f'"BestOffer":19010.6{DIGITS},"AskQty":0.25{DIGITS},"LastTradedPx":19010.5{DIGITS}}}'
)


def order(**told: object) -> str:
    """As GetOrderStatus tells it: a sale, partly executed; Quantity is what is left. Values are JSON."""
    fields = {
        **row("OrderId ClientOrderId Account Instrument OMSId", 2543565231, NUMBER, 449, 8, 1),
        **row("Side OrderType OrderState Price", '"Sell"', '"Limit"', '"Working"', f"19010.5{DIGITS}"),
        **row("OrigQuantity QuantityExecuted Quantity", f"0.345{DIGITS}", f"0.123{DIGITS}", f"0.222{DIGITS}"),
        "GrossValueExecuted": f"2345.52513{DIGITS}",
    } | told
    return "{" + ",".join(f'"{name}":{value}' for name, value in fields.items() if value is not None) + "}"


def trade(number: int, **told: object) -> str:
    fields = {
        **row("TradeId OrderId ClientOrderId FeeProductId", number, 2543565231, NUMBER, 5),
        **row("Quantity Value Fee", f"0.123{DIGITS}", f"2345.52513{DIGITS}", f"1.172762565{DIGITS}"),
    } | told
    return "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}"


def array(*entries: str) -> str:
    return "[" + ",".join(entries) + "]"


def no(code: object, message: object = None) -> str:
    return json.dumps({"result": False, "errormsg": message, "errorcode": code, "detail": None})


UNTOUCHED = {"QuantityExecuted": 0, "GrossValueExecuted": 0}
NOTHING = "[]"
ACCEPTED = '{"status":"Accepted","errormsg":"","OrderId":2543565231}'
YES = '{"result":true,"errormsg":null,"errorcode":0,"detail":null}'
NOT_FOUND = no(104, "Resource Not Found")
