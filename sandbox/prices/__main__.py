"""`python -m sandbox.prices`: the price source as a process, with a small market to begin with."""

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from threading import Event

from common.clock import now
from common.errors import Refusal
from sandbox.prices.face import listing_state, serve
from sandbox.prices.oracle import ListingState, Oracle
from sandbox.serving import BadRequest

DEFAULT_PORT = 8765
MARKET: dict[str, ListingState] = {
    "bitcoin": {"usd": "67187.30", "walk": True},
    "ethereum": {"usd": "3456.78", "walk": True},
    "solana": {"usd": "151.42", "walk": True},
    "litecoin": {"usd": "83.61", "walk": True},
    "ripple": {"usd": "0.5219", "walk": True},
    "dogecoin": {"usd": "0.1234", "walk": True},
    "tether": {"usd": "1", "walk": False},
    "usd-coin": {"usd": "1", "walk": False},
}
EXAMPLES = """\
ask it, and make things happen (with curl -s, on http://127.0.0.1:8765):

  /api/v3/simple/price?ids=bitcoin&vs_currencies=usd&include_last_updated_at=true&precision=full
  -X PUT  /sandbox/prices/bitcoin -d '{"usd": "67000.10"}'          stand still at this price
  -X PUT  /sandbox/prices/bitcoin -d '{"usd": "67000.10", "walk": true}'
  -X PUT  /sandbox/prices/bitcoin -d '{"usd": "67000.10", "age_seconds": 300}'
  -X POST /sandbox/move/bitcoin   -d '{"factor": "1.05"}'           five per cent up
  -X POST /sandbox/faults         -d '{"kind": "timeout", "times": 2}'
  /sandbox/state                                                    everything it knows

kinds of faults: 429, 500, timeout, garbage, drop
"""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.prices",
        description="A price source on CoinGecko's wire, on 127.0.0.1, whose prices and faults you choose.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="to listen on; 0 takes a free one (%(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="chooses how prices walk (%(default)s)")
    parser.add_argument("--state", type=Path, metavar="FILE", help="keep what is set here, and begin with it next time")
    parser.add_argument("--empty", action="store_true", help=f"begin without prices; otherwise: {', '.join(MARKET)}")
    parser.add_argument("--access-log", action="store_true", help="print each request")
    chosen = parser.parse_args(arguments)
    kept: Path | None = chosen.state

    oracle = Oracle(now, chosen.seed)
    try:
        if kept is not None and kept.exists():
            oracle.restore(_read(kept))
        elif not chosen.empty:
            oracle.restore(MARKET)
    except (OSError, ValueError, Refusal) as unreadable:
        parser.error(f"--state {kept} can not be used: {unreadable}; mend it or remove it")

    def keep() -> None:
        if kept is not None:
            _write(kept, oracle)

    try:
        running = serve(oracle, chosen.port, on_change=keep, access_log=chosen.access_log)
    except (OSError, OverflowError) as taken:
        parser.error(f"--port {chosen.port} can not be used: {taken}; choose another, 0 takes a free one")
    stop = Event()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_, lambda *_: stop.set())
    print(f"price source on {running.url} (seed {chosen.seed}), see {running.url}/sandbox/state", flush=True)
    stop.wait()
    running.close()
    return 0


def _read(path: Path) -> dict[str, ListingState]:
    """The file that `_write` wrote. Raises OSError, ValueError, BadRequest."""
    listings = json.loads(path.read_text())
    if not isinstance(listings, dict):
        raise BadRequest("there must be a JSON object with a member for each listing")
    return {listing_id: listing_state(given) for listing_id, given in listings.items()}


def _write(path: Path, oracle: Oracle) -> None:
    """All or nothing: a reader never sees half a file."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(oracle.listings(), indent=2) + "\n")
    beside.replace(path)


if __name__ == "__main__":
    sys.exit(main())
