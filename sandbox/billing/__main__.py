"""`python -m sandbox.billing`: the billing system as a process, with Kafka and what gives payments to a function."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from threading import Event, Thread

from common.clock import now
from common.errors import Refusal
from sandbox.billing.bridge import LambdaFunction
from sandbox.billing.controls import Controls
from sandbox.billing.delivery import Delivery
from sandbox.billing.face import API_KEY, BillingFace
from sandbox.billing.faults import Fault, Faults
from sandbox.billing.kafka import GROUP, TOPIC
from sandbox.billing.system import BillingSystem
from sandbox.keeper import Keeper
from sandbox.serving import Answer, Decide, NoSuchPath, Request, serve

DEFAULT_PORT = 4640
PUBLISH_SECONDS = 0.2
POLL_SECONDS = 0.5
EXAMPLES = f"""\
ask it, and make things happen (with curl -s, on http://127.0.0.1:{DEFAULT_PORT}):

  -X POST /v1/clients -H 'Authorization: Bearer {API_KEY}' -H 'Idempotency-Key: dealer-1' \\
          -d '{{"external_id": "dealer-1", "name": "by hand"}}'
  /sandbox/state                                              everything it knows
  -X POST /sandbox/payments  -d '{{"amount": "100.00", "invoice_id": "…"}}'      a dealer pays
  -X POST /sandbox/messages  -d '{{"value": "no JSON"}}'        poison
  -X PUT  /sandbox/broker    -d '{{"up": false}}'               Kafka ends; true: it begins anew, and all is told again
  -X POST /sandbox/faults    -d '{{"kind": "timeout_after", "on": "invoice"}}'   made, and nobody told
  -X PUT  /sandbox/down      -d '{{"down": true}}'              nobody is there

kinds of faults: {", ".join(Fault)}
payments go to the topic {TOPIC}, from which the group {GROUP} takes them
"""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.billing",
        description="A billing system with Kafka, on 127.0.0.1, whose faults you choose.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="to listen on; 0 takes a free one (%(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="chooses ids (%(default)s)")
    parser.add_argument("--state", type=Path, metavar="FILE", help="keep the books here, and begin with them next time")
    parser.add_argument(
        "--kafka", metavar="HOST:PORT", help="a broker that is there; without it one in memory, on a port of its own"
    )
    parser.add_argument("--function", metavar="NAME", help="who takes the payments; without it they wait at the broker")
    parser.add_argument("--aws-url", metavar="URL", default="http://127.0.0.1:4566", help="where it is (%(default)s)")
    parser.add_argument("--aws-region", metavar="REGION", default="us-east-1", help="(%(default)s)")
    parser.add_argument("--access-log", action="store_true", help="print each request")
    chosen = parser.parse_args(arguments)

    system, faults = BillingSystem(now, chosen.seed), Faults()
    try:
        if chosen.state is not None and chosen.state.exists():
            system.restore(json.loads(chosen.state.read_text()))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, Refusal) as unreadable:
        said = f"{type(unreadable).__name__}: {unreadable}"
        parser.error(f"--state {chosen.state} can not be used: {said}; mend it or remove it")
    function = LambdaFunction(chosen.function, chosen.aws_url, chosen.aws_region) if chosen.function else None
    delivery = Delivery(system.outbox, chosen.kafka, function)
    keeper = Keeper(chosen.state, system.state)
    try:
        decide = faces(system, faults, delivery, keeper)
        running = serve(decide, chosen.port, name="sandbox-billing", access_log=chosen.access_log)
    except (OSError, OverflowError) as taken:
        parser.error(f"--port {chosen.port} can not be used: {taken}; choose another, 0 takes a free one")

    stop = Event()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_, lambda *_: stop.set())

    def publish() -> None:
        """Only what was kept: no message tells of a payment that the next start knows nothing of."""
        while not stop.wait(PUBLISH_SECONDS):
            try:
                keeper.save()
            except OSError:  # the keeper's own thread says so
                continue
            delivery.publish()

    def give() -> None:
        while not stop.wait(delivery.give(POLL_SECONDS)):
            pass

    threads = [Thread(target=keeper.run, args=(stop,), name="keeper")]
    threads += [Thread(target=work, name=work.__name__) for work in (publish, give)]
    for thread in threads:
        thread.start()
    broker = f"Kafka on {delivery.servers}"
    print(f"billing on {running.url} (seed {chosen.seed}), {broker}, see {running.url}/sandbox/state", flush=True)
    stop.wait()
    running.close()
    for thread in threads:
        thread.join()
    delivery.close()
    try:
        keeper.save()
    except OSError as full:
        print(f"the state can not be kept: {full}", file=sys.stderr)
        return 1
    return 0


def faces(system: BillingSystem, faults: Faults, delivery: Delivery, keeper: Keeper) -> Decide:
    """Everything that the process answers. What was made is kept before it is answered."""
    face = BillingFace(system, faults)
    controls = Controls(system, faults, delivery, on_change=keeper.save)

    def decide(request: Request) -> Answer:
        match request.path:
            case ["sandbox", *_]:
                return controls.decide(request)
            case ["v1" | "documents", *_]:
                try:
                    return face.decide(request)
                finally:
                    if request.method != "GET":
                        keeper.save()
            case _:
                raise NoSuchPath(
                    f"nothing answers /{'/'.join(request.path)}; there are /v1/…, /documents/… and /sandbox/…"
                )

    return decide


if __name__ == "__main__":
    sys.exit(main())
