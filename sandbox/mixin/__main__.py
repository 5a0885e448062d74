"""`python -m sandbox.mixin`: the custody as a process, on Mixin Safe's wire."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from threading import Event, Thread

from common.clock import now
from common.errors import Refusal
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
from sandbox.serving import Answer, Decide, NoSuchPath, Request, serve

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


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.mixin",
        description="A custody on Mixin Safe's wire, on 127.0.0.1, whose faults you choose.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="to listen on; 0 takes a free one (%(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="chooses hashes and addresses (%(default)s)")
    parser.add_argument(
        "--state", type=Path, metavar="FILE", help="keep what it knows here, and begin with it next time"
    )
    parser.add_argument(
        "--exchange-url",
        metavar="URL",
        help="the exchange (python -m sandbox.exchange) to which withdrawals go and from which deposits come; without "
        "it they go nowhere",
    )
    parser.add_argument("--access-log", action="store_true", help="print each request")
    chosen = parser.parse_args(arguments)

    safe, faults = Safe(now, chosen.seed), Faults(now)
    safe.set_delays(kernel_seconds=KERNEL_SECONDS, chain_seconds=CHAIN_SECONDS)
    try:
        if chosen.state is not None and chosen.state.exists():
            safe.restore(json.loads(chosen.state.read_text()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, Refusal, SafeRefused) as unreadable:
        said = f"{type(unreadable).__name__}: {unreadable}"
        parser.error(f"--state {chosen.state} can not be used: {said}; mend it or remove it")
    keeper = Keeper(chosen.state, safe.state)
    try:
        running = serve(faces(safe, faults, keeper), chosen.port, name="sandbox-mixin", access_log=chosen.access_log)
    except (OSError, OverflowError) as taken:
        parser.error(f"--port {chosen.port} can not be used: {taken}; choose another, 0 takes a free one")

    stop = Event()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_, lambda *_: stop.set())
    threads = [Thread(target=keeper.run, args=(stop,), name="keeper")]
    if chosen.exchange_url is not None:
        chain = Chain(safe, HttpSide(chosen.exchange_url), keeper.save)
        threads.append(Thread(target=_carry, args=(chain, stop), name="chain"))
    for thread in threads:
        thread.start()
    print(f"mixin on {running.url} (seed {chosen.seed}), see {running.url}/sandbox/state", flush=True)
    stop.wait()
    running.close()
    for thread in threads:
        thread.join()
    try:
        keeper.save()
    except OSError as full:
        print(f"the state can not be kept: {full}", file=sys.stderr)
        return 1
    return 0


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


def faces(safe: Safe, faults: Faults, keeper: Keeper) -> Decide:
    """Everything that the process answers. What was registered, sent or ordered is kept before it is answered."""
    mixin = MixinFace(safe, [Member.of(DESK)], faults, now)
    controls = Controls(safe, faults, DESK.app_id, on_change=keeper.save)

    def decide(request: Request) -> Answer:
        match request.path:
            case ["sandbox", *_]:
                return controls.decide(request)
            case ["safe" | "network", *_]:
                try:
                    return mixin.decide(request)
                finally:
                    if request.method == "POST":
                        keeper.save()
            case _:
                raise NoSuchPath(
                    f"nothing answers /{'/'.join(request.path)}; there are /safe/…, /network/… and /sandbox/…"
                )

    return decide


if __name__ == "__main__":
    sys.exit(main())
