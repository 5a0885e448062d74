"""`python -m sandbox.mixin`: the custody as a process, on Mixin Safe's wire."""

from __future__ import annotations

import sys
from functools import partial
from threading import Event

from common.clock import now
from common.errors import Refusal
from sandbox import process
from sandbox.keeper import Keeper
from sandbox.mixin.assets import BTC
from sandbox.mixin.chain import Chain, HttpSide, NotCarried
from sandbox.mixin.controls import MISHAPS, Controls
from sandbox.mixin.desk import DESK
from sandbox.mixin.face import MixinFace
from sandbox.mixin.faults import Fault, Faults
from sandbox.mixin.refusals import SafeRefused
from sandbox.mixin.safe import Safe
from sandbox.mixin.signatures import Member
from sandbox.serving import serve, switch

DEFAULT_PORT = 4620
KERNEL_SECONDS = 1.0
CHAIN_SECONDS = 5.0
CARRY_SECONDS = 1.0
EXAMPLES = f"""\
ask it, and make things happen (with curl -s, on http://127.0.0.1:{DEFAULT_PORT}):

  /network/assets/{BTC.asset_id}                      as Mixin has it
  /sandbox/state                                                            everything it knows
  -X POST /sandbox/payments -d '{{"sender": "b0177350-ae29-43ec-a26e-d46f821e416e", "asset_id":
          "{BTC.asset_id}", "amount": "0.5", "memo": "…"}}'       a member pays the desk
  /sandbox/sent                                                             what the desk sent, and to whom
  -X POST /sandbox/faults  -d '{{"kind": "timeout_after", "on": "send"}}'     sent, and nobody told
  -X POST /sandbox/mishaps -d '{{"kind": "stuck"}}'                           the next withdrawal stays away
  -X POST /sandbox/confirm -d '{{"request_id": "…"}}'                         until it is confirmed
  -X PUT  /sandbox/delays  -d '{{"chain_seconds": 60}}'

kinds of faults: {", ".join(Fault)}
kinds of mishaps: {", ".join(MISHAPS)}
the desk is {DESK.app_id}, its session {DESK.session_id};
its session's private key is {DESK.session_private_key},
its spend private key        {DESK.spend_private_key}
"""


def main(told: list[str] | None = None) -> int:
    parser = process.arguments(
        "mixin",
        "A custody on Mixin Safe's wire, on 127.0.0.1, whose faults you choose.",
        EXAMPLES,
        DEFAULT_PORT,
        seed="hashes and addresses",
        state="what it knows",
    )
    parser.add_argument(
        "--exchange-url",
        metavar="URL",
        help="the exchange (python -m sandbox.exchange) to which withdrawals go and from which deposits come; without "
        "it they go nowhere",
    )
    chosen = parser.parse_args(told)

    safe, faults = Safe(now, chosen.seed), Faults(now)
    safe.set_delays(kernel_seconds=KERNEL_SECONDS, chain_seconds=CHAIN_SECONDS)
    keeper = Keeper(chosen.state, safe.state)
    process.restore(parser, chosen.state, lambda: keeper.restore(safe.restore), Refusal, SafeRefused)
    face = process.kept(MixinFace(safe, [Member.of(DESK)], faults, now).decide, keeper.save)
    controls = Controls(safe, faults, DESK.app_id, on_change=keeper.save)
    decide = switch({"safe": face, "network": face, "sandbox": controls.decide})
    running = process.listen(
        parser,
        chosen.port,
        lambda: serve(decide, chosen.port, name="sandbox-mixin", access_log=chosen.access_log),
    )
    work = []
    if chosen.exchange_url is not None:
        chain = Chain(safe, HttpSide(chosen.exchange_url), keeper.save)
        work.append(partial(_carry, chain))
    return process.run(running, keeper.save, f"mixin on {running.url} (seed {chosen.seed})", *work)


def _carry(chain: Chain, stop: Event) -> None:
    waits = False
    while not stop.wait(CARRY_SECONDS):
        try:
            chain.step()
            waits = False
        except (NotCarried, OSError) as trouble:  # the next step begins where this one ended
            if not waits:
                print(f"not carried yet: {trouble}", file=sys.stderr, flush=True)
            waits = True


if __name__ == "__main__":
    sys.exit(main())
