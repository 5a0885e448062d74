"""`python -m sandbox.bank`: the bank as a process, that pays out and tells of it."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock, Thread

from common.clock import now
from common.errors import Refusal
from sandbox import process
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


def main(told: list[str] | None = None) -> int:
    parser = process.arguments(
        "bank",
        "A bank that credits accounts and sends webhooks, on 127.0.0.1, whose decisions you choose.",
        EXAMPLES,
        DEFAULT_PORT,
        seed="ids and reasons for failures",
        state="the books",
    )
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
    chosen = parser.parse_args(told)
    kept: Path | None = chosen.state

    seconds: float = SETTLE_SECONDS if chosen.settle_seconds is None else chosen.settle_seconds
    try:
        bank = SimulatedBank(now, chosen.seed, settle_seconds=seconds)
        sender = Sender(bank, target_url=chosen.webhook_url, compress=chosen.compress)
    except Refusal as refused:
        parser.error(refused.detail)
    if kept is not None and kept.exists():
        process.restore(parser, kept, lambda: _restore(kept, bank, sender), Refusal)
    if chosen.settle_seconds is not None:
        bank.set_settle_seconds(seconds)
    writing = Lock()

    def keep() -> None:
        if kept is not None:
            with writing:
                _write(kept, bank, sender)

    running = process.listen(
        parser,
        chosen.port,
        lambda: serve(bank, chosen.port, sender=sender, on_change=keep, access_log=chosen.access_log),
    )
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
