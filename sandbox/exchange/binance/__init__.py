"""Binance's spot wire in front of the venue, so that clients of Binance work unchanged but for their URL.

    public   GET ping, time, exchangeInfo, depth, ticker/bookTicker                    /api/v3/…     markets
    read     GET order, openOrders, myTrades, rateLimit/order                          /api/v3/…     trading
             GET account                                                               /api/v3/…     capital
             GET account/apiRestrictions, capital/config/getall                        /sapi/v1/…    capital
             GET capital/deposit/{address, hisrec}, capital/withdraw/history           /sapi/v1/…    capital
    trade    POST, DELETE order                                                        /api/v3/…     trading
    withdraw POST capital/withdraw/apply                                               /sapi/v1/…    capital

    X-MBX-APIKEY: …                          parameters in the query or in a form; those of the query count
    timestamp=1767225600000&recvWindow=5000  the request is good from then on for so many ms (5000 unless it says)
    signature=…                              hex HMAC-SHA256(secret, query + body, without the signature)

    400 {"code": -1121, "msg": "Invalid symbol."}        401 for keys, and what they are not good for; 404; 429 with
                                                         Retry-After (see `rates`); 500; 503

Amounts are text with 8 decimals, times Unix milliseconds. Each order is named, by the client or by us; two open orders
of an account can not have one name ("Duplicate order sent."). An order that is over can not be cancelled ("Unknown
order sent.").

Not told by Binance's documents, so our own reading: what is checked first (weight, key, parameters, time, signature,
faults, the rest); HTTP 401 for -2014 and -2015; -1131; "Market is closed." with -1013; that an order that was cancelled
keeps its name; a limit over the maximum is -1130; MAX_NUM_ORDERS with -2010. Not here: what neither the desk nor its
market making asks for, such as other tickers, market and stop orders, order lists, test orders, websockets. An order
that met another of its account's is EXPIRED, not EXPIRED_IN_MATCH.

Source: github.com/binance/binance-spot-api-docs @a5e0bc3: rest-api.md, errors.md, filters.md, enums.md,
faqs/order_count_decrement.md.
"""

from sandbox.exchange.binance.face import BinanceFace
from sandbox.exchange.keyring import Credential

__all__ = ["BinanceFace", "Credential"]
