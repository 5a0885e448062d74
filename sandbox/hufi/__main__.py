"""`python -m sandbox.hufi`: HuFi as a process, its launcher and its recording oracle on one port."""

from __future__ import annotations

import sys

from common.clock import now
from sandbox import process
from sandbox.hufi.controls import Controls, launch
from sandbox.hufi.exchanges import AtBinance, Exchange
from sandbox.hufi.face import HufiFace
from sandbox.hufi.faults import Fault, Faults
from sandbox.hufi.hufi import Hufi
from sandbox.keeper import Keeper
from sandbox.serving import serve, switch

DEFAULT_PORT = 4630
DEFAULT_EXCHANGE = "http://127.0.0.1:4600"
EXAMPLES = f"""\
ask it, and make things happen (with curl -s, on http://127.0.0.1:{DEFAULT_PORT}):

  /launcher/campaigns                                         as HuFi tells them
  /sandbox/state                                              how all participants stand
  -X POST /sandbox/campaigns -d '{{"type": "THRESHOLD_MARKET_MAKING", "symbol": "BTC/USDT", "days": 30,
          "fund": "500", "target": "250000"}}'                  another campaign
  -X POST /sandbox/faults    -d '{{"kind": "timeout_after", "on": "join"}}'   joined, and nobody told
  -X PUT  /sandbox/down      -d '{{"down": true}}'              nobody is there

kinds of faults: {", ".join(Fault)}
today's HuFi lists no binance: here it does, so that our own exchange's trades can be counted
"""
CAMPAIGNS = (  # with which it begins
    {"type": "MARKET_MAKING", "symbol": "BTC/USDT", "days": 30, "fund": "30000", "target": "1000000"},
    {"type": "THRESHOLD_MARKET_MAKING", "symbol": "BTC/USDT", "days": 30, "fund": "500", "target": "250000"},
)


def main(told: list[str] | None = None) -> int:
    parser = process.arguments(
        "hufi",
        "Campaigns on HuFi's wire, on 127.0.0.1, whose faults you choose.",
        EXAMPLES,
        DEFAULT_PORT,
        seed="addresses, nonces and tokens",
        state="what it knows",
    )
    parser.add_argument(
        "--exchange-url",
        metavar="URL",
        default=DEFAULT_EXCHANGE,
        help="the exchange (python -m sandbox.exchange) whose trades it reads (%(default)s)",
    )
    chosen = parser.parse_args(told)

    exchanges: dict[str, Exchange] = {"binance": AtBinance(chosen.exchange_url, now)}
    hufi, faults = Hufi(now, exchanges, chosen.seed), Faults()
    keeper = Keeper(chosen.state, hufi.state)
    process.restore(parser, chosen.state, lambda: keeper.restore(hufi.restore))
    if not hufi.campaigns():
        for campaign in CAMPAIGNS:
            launch(hufi, **campaign)  # type: ignore[arg-type]
    face = process.kept(HufiFace(hufi, faults).decide, keeper.save)
    controls = Controls(hufi, faults, on_change=keeper.save)
    decide = switch({"launcher": face, "oracle": face, "sandbox": controls.decide})
    running = process.listen(
        parser,
        chosen.port,
        lambda: serve(decide, chosen.port, name="sandbox-hufi", access_log=chosen.access_log),
    )
    return process.run(running, keeper.save, f"hufi on {running.url} (seed {chosen.seed})")


if __name__ == "__main__":
    sys.exit(main())
