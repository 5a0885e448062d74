"""Of many webhooks none is lost, and none leaves without a signature, whatever goes wrong: of fifty every day, of 1,000
in `make prove`, of 10,000 in `make simulate`.

Receivers are slow, wrong, redirect and lose answers. One is down for three days; one for nine, whose are told again by
hand; the name of one leads to an address of ours for a day; one rotates its secret; one says that it wants no more. The
table throttles, conflicts, loses answers; functions die before and after any of its calls, and while they send; the
stream gives batches again, from wherever it likes.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from random import Random

import pytest

from common.clock import text
from common.errors import Unavailable
from common.gateways.receivers import AddressRefused, ReceiverSilent
from common.gateways.receivers.http import HttpReceivers
from common.owner import Owner
from functions.notifications.changes import changes
from functions.notifications.model import ATTEMPTS_MAX, BOTH_SIGN_FOR, Delivery, DeliveryStatus, EndpointStatus
from sandbox.receivers import Message, SimulatedReceivers
from tests.depth import SIMULATED, deep
from tests.desk import Desk
from tests.harness.faults import (
    AnswerLost,
    Conflict,
    Crash,
    CrashAfter,
    CrashBefore,
    FailBefore,
    Fault,
    Faults,
    Throttle,
    by_chance,
)
from tests.notifications.hooks import URL, Hooks, change_of

DAY = timedelta(days=1)
DOWN_3, DOWN_9, REBOUND, GONE, ROTATES = "down-3", "down-9", "rebound", "gone", "rotates"
NAMES = (*(f"user-{n}" for n in range(5)), DOWN_3, DOWN_9, REBOUND, GONE, ROTATES)
DIES = deep(3, 1) / deep(1_000, 5_000)  # a round or a batch that is larger dies as often
RATES: dict[Fault, float] = {
    Throttle(): 0.02,
    AnswerLost(): 0.02,
    FailBefore(): 0.02,
    Conflict(): 0.02,
    CrashBefore(): 0.003,
    CrashAfter(): 0.003,
}


class World(SimulatedReceivers):
    """Programs in their moods; and what the real way to receivers says of a name that leads to us."""

    def __init__(self, desk: Desk, chance: Random) -> None:
        super().__init__(desk.clock)
        self._clock, self._chance, self._began = desk.clock, chance, desk.clock.at
        self._ours = HttpReceivers(look_up=lambda *_: ["93.184.215.14", "10.0.0.1"])
        self.refused = 0
        for name in NAMES:
            self.at[f"{URL}/{name}"].answer = partial(self._answer, name)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        if url.endswith(REBOUND) and self._clock.at < self._began + DAY:
            try:
                return self._ours.post(url, headers, body)
            except AddressRefused:
                self.refused += 1
                raise
        return super().post(url, headers, body)

    def _answer(self, name: str, _: Message) -> int:
        days = {DOWN_3: 3, DOWN_9: 9}.get(name, 0)
        mood = self._chance.random()
        if self._clock.at < self._began + days * DAY or mood < 0.05:
            raise ReceiverSilent("the receiver did not answer: timeout", what="timeout")
        if mood < 0.05 + 3 * DIES:
            raise Crash
        if name == GONE and self._clock.at > self._began + timedelta(minutes=2):
            return 410
        if mood > 0.8:
            return self._chance.choice([302, 307, 400, 429, 500, 503])
        return 200


@pytest.mark.parametrize("seed", range(15, 25 if SIMULATED else 16))
def test_of_many_webhooks_with_faults_none_is_lost_and_none_unsigned(seed: int) -> None:
    """A thousand in `make prove`, ten thousand in `make simulate`."""
    chance, desk = Random(seed), Desk()
    world = desk.receivers = World(desk, chance)
    hooks, number = Hooks(desk), deep(everyday=50, full=1_000)
    owners = {name: Owner(name, f"sub-{name}") for name in NAMES}
    told = {name: hooks.register(owner, url=f"{URL}/{name}") for name, owner in owners.items()}
    faults = Faults(by_chance(seed, RATES))
    desk.client = faulty = faults.client(desk.dynamo)
    batch, left, rotated_at, newest = max(number // 100, 5), number, None, ""
    waiting = [
        change
        for n in range(number)
        for change in changes([change_of(n, owners[NAMES[n % len(NAMES)]], text(desk.clock()))])
    ]
    while waiting:
        faults.begin()
        with suppress(Unavailable, Crash):  # then the batch comes again, whole
            for change in waiting[:batch]:
                hooks.deliveries.take(change)
            waiting = waiting[batch if chance.random() < 0.8 else batch // 2 :]
        _round(hooks, faults)
        if rotated_at is None and len(waiting) < number // 2:
            desk.client, rotated_at = None, desk.clock.at
            newest = hooks.endpoints.rotate(owners[ROTATES], told[ROTATES].endpoint.endpoint_id, 1).made.secret
            desk.client = faulty
        desk.clock.forward(minutes=1)
    _until_all_is_over(hooks, faults)
    desk.client = None
    for name in NAMES:
        failed = _failed(hooks, owners[name], told[name].endpoint.endpoint_id)
        if name not in (DOWN_9, GONE):
            assert all(each.attempts == ATTEMPTS_MAX for each in failed), f"{name} is back, and was not asked"
    by_hand = _failed(hooks, owners[DOWN_9], told[DOWN_9].endpoint.endpoint_id)
    assert by_hand
    for each in by_hand:
        hooks.endpoints.replay(owners[DOWN_9], each.delivery_id)
    desk.client = faulty
    _until_all_is_over(hooks, faults)
    desk.client = None
    assert rotated_at is not None
    assert world.refused > 0

    for name in NAMES:
        received = hooks.received(f"{URL}/{name}")
        for message in received:
            if name != ROTATES or message.at < rotated_at + BOTH_SIGN_FOR:
                assert message.verified(told[name].secret)
            if name == ROTATES and message.at > rotated_at:
                assert message.verified(newest)
        left -= len({message.webhook_id for message in received if name != GONE})
    (gone,) = hooks.endpoints.endpoints(owners[GONE])
    assert gone.status is EndpointStatus.DISABLED
    wanted_no_more = hooks.endpoints.deliveries(owners[GONE], gone.endpoint_id, limit=number).items
    assert {each.status for each in wanted_no_more} <= {DeliveryStatus.DELIVERED, DeliveryStatus.FAILED}
    assert all("disabled" in (each.answer or "") for each in wanted_no_more if each.status is DeliveryStatus.FAILED)
    assert left == number // len(NAMES), "all but those of the one who wanted no more"


def _failed(hooks: Hooks, owner: Owner, endpoint_id: str) -> list[Delivery]:
    limit = len(hooks.desk.dynamo.items())
    return hooks.endpoints.deliveries(owner, endpoint_id, status=DeliveryStatus.FAILED, limit=limit).items


def _until_all_is_over(hooks: Hooks, faults: Faults) -> None:
    while hooks.desk.dynamo.items(having="open_work"):
        _round(hooks, faults)
        hooks.desk.clock.forward(minutes=30)


def _round(hooks: Hooks, faults: Faults) -> None:
    faults.begin()
    with suppress(Crash, Unavailable):
        hooks.round()
