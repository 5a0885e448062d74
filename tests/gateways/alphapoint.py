"""What an AlphaPoint exchange says, as its documents show it, and the order that the tests place there."""

from __future__ import annotations

import json

from common.gateways.exchange import Side, Ticket
from common.gateways.exchange.alphapoint import client_order_number
from common.money import Price, Quantity

OURS = "abcdefghijklmnopq2"
NUMBER = client_order_number(OURS)
SELL = Ticket(Side.SELL, Quantity("0.345", "BTC"), Price("19010.5"), OURS)
DIGITS = "0" * 24  # living exchanges write 28 decimals


def instrument(
    number: int, base: str, quote: str = "USDT", products: tuple[int, int] = (1, 5), **told: object
) -> dict[str, object]:
    return {
        "OMSId": 1,
        "InstrumentId": number,
        "Symbol": f"{base}{quote}",
        "Product1": products[0],
        "Product1Symbol": base,
        "Product2": products[1],
        "Product2Symbol": quote,
        "SessionStatus": "Running",
        "QuantityIncrement": 0.00001,
        "PriceIncrement": 0.01,
        "MinimumQuantity": 0.0001,
        "IsDisable": False,
    } | told


BTC = instrument(8, "BTC")
ETH = instrument(9, "ETH", products=(2, 5))
INSTRUMENTS = json.dumps([BTC, ETH])


def order(**told: object) -> str:
    """An order as GetOrderStatus tells it: a sale of which a part is executed. Values are JSON."""
    fields: dict[str, object] = {
        "Side": '"Sell"',
        "OrderId": 2543565231,
        "Price": f"19010.5{DIGITS}",
        "Quantity": f"0.222{DIGITS}",  # what is left
        "Instrument": 8,
        "Account": 449,
        "OrderType": '"Limit"',
        "ClientOrderId": NUMBER,
        "OrderState": '"Working"',
        "OrigQuantity": f"0.345{DIGITS}",
        "QuantityExecuted": f"0.123{DIGITS}",
        "GrossValueExecuted": f"2345.52513{DIGITS}",
        "OMSId": 1,
    } | told
    return "{" + ",".join(f'"{name}":{value}' for name, value in fields.items() if value is not None) + "}"


def trade(number: int, **told: object) -> str:
    fields: dict[str, object] = {
        "TradeId": number,
        "OrderId": 2543565231,
        "ClientOrderId": NUMBER,
        "Quantity": f"0.123{DIGITS}",
        "Value": f"2345.52513{DIGITS}",
        "Fee": f"1.172762565{DIGITS}",
        "FeeProductId": 5,
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
