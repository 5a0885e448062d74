"""`python -m sandbox.hufi`: HuFi as a process, its launcher and its recording oracle on one port."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from threading import Event, Thread

from common.clock import now
from sandbox.hufi.controls import Controls, launch
from sandbox.hufi.exchanges import AtBinance, Exchange
from sandbox.hufi.face import HufiFace
from sandbox.hufi.faults import Fault, Faults
from sandbox.hufi.hufi import Hufi
from sandbox.keeper import Keeper
from sandbox.serving import Answer, Decide, NoSuchPath, Request, serve

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


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.hufi",
        description="Campaigns on HuFi's wire, on 127.0.0.1, whose faults you choose.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="to listen on; 0 takes a free one (%(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="chooses addresses, nonces and tokens (%(default)s)")
    parser.add_argument(
        "--state", type=Path, metavar="FILE", help="keep what it knows here, and begin with it next time"
    )
    parser.add_argument(
        "--exchange-url",
        metavar="URL",
        default=DEFAULT_EXCHANGE,
        help="the exchange (python -m sandbox.exchange) whose trades it reads (%(default)s)",
    )
    parser.add_argument("--access-log", action="store_true", help="print each request")
    chosen = parser.parse_args(arguments)

    exchanges: dict[str, Exchange] = {"binance": AtBinance(chosen.exchange_url, now)}
    hufi, faults = Hufi(now, exchanges, chosen.seed), Faults()
    try:
        if chosen.state is not None and chosen.state.exists():
            hufi.restore(json.loads(chosen.state.read_text()))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as unreadable:
        said = f"{type(unreadable).__name__}: {unreadable}"
        parser.error(f"--state {chosen.state} can not be used: {said}; mend it or remove it")
    if not hufi.campaigns():
        for campaign in CAMPAIGNS:
            launch(hufi, **campaign)  # type: ignore[arg-type]
    keeper = Keeper(chosen.state, hufi.state)
    try:
        running = serve(faces(hufi, faults, keeper), chosen.port, name="sandbox-hufi", access_log=chosen.access_log)
    except (OSError, OverflowError) as taken:
        parser.error(f"--port {chosen.port} can not be used: {taken}; choose another, 0 takes a free one")

    stop = Event()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_, lambda *_: stop.set())
    thread = Thread(target=keeper.run, args=(stop,), name="keeper")
    thread.start()
    print(f"hufi on {running.url} (seed {chosen.seed}), see {running.url}/sandbox/state", flush=True)
    stop.wait()
    running.close()
    thread.join()
    try:
        keeper.save()
    except OSError as full:
        print(f"the state can not be kept: {full}", file=sys.stderr)
        return 1
    return 0


def faces(hufi: Hufi, faults: Faults, keeper: Keeper) -> Decide:
    """Everything that the process answers. Who has joined, and by which key, is kept before it is answered."""
    face, controls = HufiFace(hufi, faults), Controls(hufi, faults, on_change=keeper.save)

    def decide(request: Request) -> Answer:
        match request.path:
            case ["sandbox", *_]:
                return controls.decide(request)
            case ["launcher" | "oracle", *_]:
                try:
                    return face.decide(request)
                finally:
                    if request.method == "POST":
                        keeper.save()
            case _:
                raise NoSuchPath(
                    f"nothing answers /{'/'.join(request.path)}; there are /launcher/…, /oracle/… and /sandbox/…"
                )

    return decide


if __name__ == "__main__":
    sys.exit(main())
