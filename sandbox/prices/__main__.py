"""`python -m sandbox.prices`: the price source as a process, with a small market to begin with."""

import sys
from typing import Any

from common.clock import now
from common.errors import Refusal
from sandbox import process
from sandbox.keeper import Keeper
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


def main(told: list[str] | None = None) -> int:
    parser = process.arguments(
        "prices",
        "A price source on CoinGecko's wire, on 127.0.0.1, whose prices and faults you choose.",
        EXAMPLES,
        DEFAULT_PORT,
        seed="how prices walk",
        state="what is set",
    )
    parser.add_argument("--empty", action="store_true", help=f"begin without prices; otherwise: {', '.join(MARKET)}")
    chosen = parser.parse_args(told)

    oracle = Oracle(now, chosen.seed)
    keeper = Keeper(chosen.state, oracle.listings)

    def begin() -> None:
        if not keeper.restore(lambda kept: oracle.restore(_listings(kept))) and not chosen.empty:
            oracle.restore(MARKET)

    process.restore(parser, chosen.state, begin, Refusal)
    running = process.listen(
        parser,
        chosen.port,
        lambda: serve(oracle, chosen.port, on_change=keeper.save, access_log=chosen.access_log),
    )
    return process.run(running, keeper.save, f"price source on {running.url} (seed {chosen.seed})")


def _listings(kept: Any) -> dict[str, ListingState]:
    """As they were kept. Raises BadRequest."""
    if not isinstance(kept, dict):
        raise BadRequest("there must be a JSON object with a member for each listing")
    return {listing_id: listing_state(given) for listing_id, given in kept.items()}


if __name__ == "__main__":
    sys.exit(main())
