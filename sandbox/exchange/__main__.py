"""`python -m sandbox.exchange`: the exchange as a process, Binance's wire and AlphaPoint's in front of one venue."""

from __future__ import annotations

import sys
from decimal import Decimal, InvalidOperation
from functools import partial
from threading import Event
from typing import Any

import urllib3

from common.clock import now
from common.errors import Refusal
from sandbox import process
from sandbox.exchange.desk import DESK, DESK_AT_ALPHAPOINT, DESK_AT_BINANCE, LISTINGS
from sandbox.exchange.faults import Fault
from sandbox.exchange.flow import Flow
from sandbox.exchange.keeping import Keeper
from sandbox.exchange.simulated import SimulatedExchange
from sandbox.serving import serve

DEFAULT_PORT = 4600
DEFAULT_PRICES_URL = "http://127.0.0.1:4590"
STEP_SECONDS = 1.0
EXAMPLES = f"""\
ask it, and make things happen (with curl -s, on http://127.0.0.1:{DEFAULT_PORT}):

  /api/v3/depth?symbol=BTCUSDT&limit=5                              as Binance has it
  /api/v3/exchangeInfo
  /AP/GetInstruments?OMSId=1                                        as AlphaPoint has it
  /sandbox/state                                                    everything it knows
  -X POST   /sandbox/faults  -d '{{"kind": "timeout_after", "on": "place"}}'    done, and nobody told
  -X POST   /sandbox/faults  -d '{{"kind": "429", "times": 3}}'
  -X DELETE /sandbox/faults
  -X PUT    /sandbox/latency -d '{{"seconds": 5}}'                    each order is answered so late
  -X PUT    /sandbox/fees    -d '{{"taker_bps": "10", "maker_bps": "8"}}'
  -X PUT    /sandbox/house   -d '{{"profile": "thin", "symbol": "BTCUSDT"}}'
  -X POST   /sandbox/accounts              -d '{{"account": "maker-1", "balances": {{"USDT": "1000"}}}}'
  -X POST   /sandbox/accounts/maker-1/keys -d '{{"rights": ["read", "trade"]}}'
  /sandbox/wallet                                                   deposits, withdrawals, networks
  -X POST   /sandbox/wallet/faults         -d '{{"on": "deposit", "kind": "late"}}'

kinds of faults: {", ".join(Fault)}
the desk's account is {DESK!r}; Binance: key {DESK_AT_BINANCE.api_key}, secret {DESK_AT_BINANCE.secret}
AlphaPoint: the same, with account {DESK_AT_ALPHAPOINT.account_id} and user {DESK_AT_ALPHAPOINT.user_id}
its quantities that end in 777 fill at once, 555 never, 444 by half; 666 are canceled, 333 expired, 222 rejected
"""


def main(told: list[str] | None = None) -> int:
    parser = process.arguments(
        "exchange",
        "An exchange on Binance's and AlphaPoint's wires, on 127.0.0.1, whose faults you choose.",
        EXAMPLES,
        DEFAULT_PORT,
        seed="how the market moves",
        state="what it knows",
    )
    parser.add_argument(
        "--prices-url",
        default=DEFAULT_PRICES_URL,
        metavar="URL",
        help="the price source (python -m sandbox.prices) whose prices the market follows (%(default)s)",
    )
    chosen = parser.parse_args(told)

    exchange = SimulatedExchange(now, chosen.seed)
    keeper = Keeper(chosen.state, exchange, lambda: controls.settings())
    controls = exchange.controls(on_change=keeper.save)

    def begin() -> None:
        settings = keeper.restore()
        if settings is not None:
            controls.restore(settings)
        exchange.furnish()

    process.restore(parser, chosen.state, begin, Refusal)
    references = References(chosen.prices_url)
    flow = Flow(exchange.venue, references.price, chosen.seed, exchange.profiles)
    references.poll()
    flow.step()
    running = process.listen(
        parser,
        chosen.port,
        lambda: serve(exchange.faces(controls), chosen.port, name="sandbox-exchange", access_log=chosen.access_log),
    )
    said = f"exchange on {running.url} (seed {chosen.seed})"
    return process.run(running, keeper.save, said, partial(_move, references, flow, exchange))


class References:
    """The price source's prices of what the markets trade. While it does not answer, its last ones stay."""

    def __init__(self, prices_url: str) -> None:
        self._url = f"{prices_url.rstrip('/')}/sandbox/state"
        self._pool = urllib3.PoolManager(num_pools=1)
        self._prices: dict[str, Decimal] = {}

    def price(self, symbol: str) -> Decimal | None:
        return self._prices.get(symbol)

    def poll(self) -> None:
        try:
            answer = self._pool.request("GET", self._url, timeout=1, retries=False)
            listed: dict[str, Any] = answer.json()["prices"]
            found = {symbol: listed[listing]["quoted_usd"] for symbol, listing in LISTINGS.items() if listing in listed}
            prices = {symbol: Decimal(usd) for symbol, usd in found.items() if usd is not None}
        except (urllib3.exceptions.HTTPError, ValueError, LookupError, TypeError, InvalidOperation):
            return
        self._prices = {symbol: usd for symbol, usd in prices.items() if usd.is_finite() and usd > 0}


def _move(references: References, flow: Flow, exchange: SimulatedExchange, stop: Event) -> None:
    while not stop.wait(STEP_SECONDS):
        references.poll()
        flow.step()
        exchange.wallet.settle()


if __name__ == "__main__":
    sys.exit(main())
