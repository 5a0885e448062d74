"""`python -m sandbox.bank`: the bank as a process, that pays out and tells of it."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock, Thread

from common.clock import now
from common.errors import Refusal
from sandbox.bank.bank import SimulatedBank
from sandbox.bank.face import API_KEY, serve
from sandbox.bank.webhooks import WEBHOOK_SECRET, Sender
from sandbox.serving import BadRequest

DEFAULT_PORT = 4610
SETTLE_SECONDS = 1.0
COMPRESS = 60.0
EVERY_SECONDS = 0.1
EXAMPLES = f"""\
ask it, and make things happen (with curl -s, on http://127.0.0.1:{DEFAULT_PORT}):

  -X POST /v1/accounts/acct-1/adjustments -H 'Authorization: Bearer {API_KEY}' -H 'Idempotency-Key: pay-1' \\
          -d '{{"reference_id": "pay-1", "direction": "CREDIT", "amount": "123.45", "currency": "USD",
               "reason": "PAYOUT", "description": "by hand"}}'
  /v1/adjustments?reference_id=pay-1  -H 'Authorization: Bearer {API_KEY}'
  -X PUT  /sandbox/outcome       -d '{{"outcome": "fail", "account_id": "acct-1", "times": 2}}'   the third is paid
  -X POST /sandbox/decide        -d '{{"reference_id": "pay-1", "outcome": "complete"}}'          one that is PENDING
  -X POST /sandbox/faults        -d '{{"kind": "drop_after", "on": "credit"}}'    booked, and the answer is lost
  -X PUT  /sandbox/webhooks      -d '{{"mode": "duplicate", "times": 1}}'
  -X POST /sandbox/webhooks/send -d '{{"reference_id": "pay-1"}}'                 its event, once more
  /sandbox/state                                                                everything it knows

cents that mean something: .51 refused, .52 fails, .53 stays pending, .54 completes and nobody is told
kinds of faults: refuse, 429, 500, timeout_before, timeout_after, drop_before, drop_after, maintenance
modes of webhooks: normal, duplicate, reorder, delay, lose, wrong_signature, old_timestamp
the webhooks are signed with {WEBHOOK_SECRET}
"""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.bank",
        description="A bank that credits accounts and sends webhooks, on 127.0.0.1, whose decisions you choose.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="to listen on; 0 takes a free one (%(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="chooses ids and reasons for failures (%(default)s)")
    parser.add_argument("--state", type=Path, metavar="FILE", help="keep the books here, and begin with them next time")
    parser.add_argument("--webhook-url", metavar="URL", help="where webhooks go; without it they wait until one is set")
    parser.add_argument(
        "--settle-seconds", type=float, metavar="S", help=f"from a booking to its outcome ({SETTLE_SECONDS:g})"
    )
    parser.add_argument(
        "--compress",
        type=float,
        default=COMPRESS,
        metavar="N",
        help="retry webhooks so many times sooner than a real bank (%(default)g)",
    )
    parser.add_argument("--access-log", action="store_true", help="print each request")
    chosen = parser.parse_args(arguments)
    kept: Path | None = chosen.state

    seconds: float = SETTLE_SECONDS if chosen.settle_seconds is None else chosen.settle_seconds
    try:
        bank = SimulatedBank(now, chosen.seed, settle_seconds=seconds)
        sender = Sender(bank, target_url=chosen.webhook_url, compress=chosen.compress)
    except Refusal as refused:
        parser.error(refused.detail)
    try:
        if kept is not None and kept.exists():
            _restore(kept, bank, sender)
    except (OSError, ValueError, Refusal) as unreadable:
        parser.error(f"--state {kept} can not be used: {unreadable}; mend it or remove it")
    if chosen.settle_seconds is not None:
        bank.set_settle_seconds(seconds)
    writing = Lock()

    def keep() -> None:
        if kept is not None:
            with writing:
                _write(kept, bank, sender)

    try:
        running = serve(bank, chosen.port, sender=sender, on_change=keep, access_log=chosen.access_log)
    except (OSError, OverflowError) as taken:
        parser.error(f"--port {chosen.port} can not be used: {taken}; choose another, 0 takes a free one")
    stop = Event()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_, lambda *_: stop.set())

    def settle() -> None:
        while not stop.wait(EVERY_SECONDS):
            if bank.settle():
                _try(keep)

    def tell() -> None:
        while not stop.wait(EVERY_SECONDS):
            if sender.step():
                _try(keep)

    for work in (settle, tell):  # a target that does not answer keeps no credit waiting
        Thread(target=work, daemon=True).start()
    print(f"bank on {running.url} (seed {chosen.seed}), see {running.url}/sandbox/state", flush=True)
    stop.wait()
    running.close()
    _try(keep)
    writing.acquire()  # for good: no thread is cut off in the middle of a file
    return 0


def _try(keep: Callable[[], None]) -> None:
    try:
        keep()
    except OSError as unkept:
        print(f"the books are not kept: {unkept}", file=sys.stderr, flush=True)


def _restore(path: Path, bank: SimulatedBank, sender: Sender) -> None:
    """From the file that `_write` wrote. Raises OSError, ValueError, Refusal."""
    kept = json.loads(path.read_text())
    if not isinstance(kept, dict) or not kept.keys() >= {"bank", "webhooks"}:
        raise BadRequest("there must be a JSON object with bank and webhooks")
    bank.restore(kept["bank"])
    sender.restore(kept["webhooks"])


def _write(path: Path, bank: SimulatedBank, sender: Sender) -> None:
    """All or nothing: a reader never sees half a file. The bank first: see `Sender.state`."""
    state = {"bank": bank.state(), "webhooks": sender.state()}
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(state, indent=1) + "\n")
    beside.replace(path)


if __name__ == "__main__":
    sys.exit(main())
