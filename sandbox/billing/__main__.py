"""`python -m sandbox.billing`: the billing system as a process, with Kafka and what gives payments to a function."""

from __future__ import annotations

import sys
from threading import Event

from common.clock import now
from common.errors import Refusal
from sandbox import process
from sandbox.billing.bridge import LambdaFunction
from sandbox.billing.controls import Controls
from sandbox.billing.delivery import Delivery
from sandbox.billing.face import API_KEY, BillingFace
from sandbox.billing.faults import Fault, Faults
from sandbox.billing.kafka import GROUP, TOPIC
from sandbox.billing.system import BillingSystem
from sandbox.keeper import Keeper
from sandbox.serving import serve, switch

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


def main(told: list[str] | None = None) -> int:
    parser = process.arguments(
        "billing",
        "A billing system with Kafka, on 127.0.0.1, whose faults you choose.",
        EXAMPLES,
        DEFAULT_PORT,
        seed="ids",
        state="the books",
    )
    parser.add_argument(
        "--kafka", metavar="HOST:PORT", help="a broker that is there; without it one in memory, on a port of its own"
    )
    parser.add_argument("--function", metavar="NAME", help="who takes the payments; without it they wait at the broker")
    parser.add_argument("--aws-url", metavar="URL", default="http://127.0.0.1:4566", help="where it is (%(default)s)")
    parser.add_argument("--aws-region", metavar="REGION", default="us-east-1", help="(%(default)s)")
    chosen = parser.parse_args(told)

    system, faults = BillingSystem(now, chosen.seed), Faults()
    keeper = Keeper(chosen.state, system.state)
    process.restore(parser, chosen.state, lambda: keeper.restore(system.restore), Refusal)
    function = LambdaFunction(chosen.function, chosen.aws_url, chosen.aws_region) if chosen.function else None
    delivery = Delivery(system.outbox, chosen.kafka, function)
    face = process.kept(BillingFace(system, faults).decide, keeper.save)
    controls = Controls(system, faults, delivery, on_change=keeper.save)
    decide = switch({"v1": face, "documents": face, "sandbox": controls.decide})
    running = process.listen(
        parser,
        chosen.port,
        lambda: serve(decide, chosen.port, name="sandbox-billing", access_log=chosen.access_log),
    )

    def publish(stop: Event) -> None:
        """Only what was kept: no message tells of a payment that the next start knows nothing of."""
        while not stop.wait(PUBLISH_SECONDS):
            try:
                keeper.save()
            except OSError:  # the process says so
                continue
            delivery.publish()

    def give(stop: Event) -> None:
        while not stop.wait(delivery.give(POLL_SECONDS)):
            pass

    said = f"billing on {running.url} (seed {chosen.seed}), Kafka on {delivery.servers}"
    return process.run(running, keeper.save, said, publish, give, at_end=delivery.close)


if __name__ == "__main__":
    sys.exit(main())
