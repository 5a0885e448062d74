"""The bank's webhooks: heard by who checks them as the desk does, sent until they are heard, and badly on demand."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from urllib3.exceptions import ProtocolError

from common.gateways.bank import BankEvent, SignatureRefused
from common.gateways.bank.baas import event
from common.money import Money
from sandbox.bank import webhooks
from sandbox.bank.bank import IllegalOrder, SimulatedBank, UnknownReference
from sandbox.bank.webhooks import RETRY_SECONDS, WEBHOOK_SECRET, Mode, Sender
from sandbox.serving import Answer, Drop, Hang, Request, serve
from tests.harness.clock import VirtualClock

TARGET = "http://127.0.0.1:1/webhooks/bank"
NEXT_SECRET = "whsec_dGhlLW5leHQtc2VjcmV0LW9mLXRoZS1iYW5r"


class World:
    """A bank, its sender, and a desk that hears, in one time."""

    def __init__(self, *secrets: str) -> None:
        self.clock = VirtualClock()
        self.bank = SimulatedBank(self.clock.now, seed=7)
        self.answers: list[int | Exception] = []  # of the desk, in order; then always 204
        self.attempts: list[tuple[float, str, Mapping[str, str], bytes]] = []
        self.sender = Sender(self.bank, secrets or (WEBHOOK_SECRET,), target_url=TARGET, post=self._post)

    def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        self.attempts.append((self.clock.monotonic(), url, headers, body))
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, Exception):
            raise answer
        return answer

    def paid(self, *references: str) -> None:
        for reference_id in references:
            self.bank.credit(reference_id, "a-1", Money("10.00"), "sale")
            self.bank.settle()

    def run(self, seconds: float, step_seconds: float = 1.0) -> None:
        """Let time pass, as the process does, without waiting."""
        end = self.clock.monotonic() + seconds

        def wait(seconds: float) -> bool:
            if self.clock.monotonic() >= end:
                return True
            self.clock.advance(seconds)
            return False

        self.sender.run(wait, every_seconds=step_seconds)

    @property
    def times(self) -> list[float]:
        return [at for at, *_ in self.attempts]

    @property
    def order(self) -> list[str]:
        """The references, as they were told."""
        return [json.loads(body)["data"]["reference_id"] for *_, body in self.attempts]

    def heard(self, n: int = -1, *secrets: str) -> BankEvent:
        """What the desk makes of one attempt, at the time of that attempt."""
        at, _, headers, body = self.attempts[n]
        then = self.clock.now() - timedelta(seconds=self.clock.monotonic() - at)
        return event(headers, body, secrets or (WEBHOOK_SECRET,), now=lambda: then)


@pytest.fixture
def world() -> World:
    return World()


def test_the_body_is_the_documented_one(world: World) -> None:
    world.paid("pay-1")
    world.sender.step()
    told = json.loads(world.attempts[0][3])
    assert told == {
        "type": "adjustment.completed",
        "timestamp": "2026-01-01T00:00:00.000000Z",
        "data": json.loads(json.dumps(world.bank.record("pay-1").resource())),
    }
    world.bank.set_outcome("fail")
    world.paid("pay-2")
    world.sender.step()
    assert json.loads(world.attempts[1][3])["type"] == "adjustment.failed"


def test_nothing_is_told_before_it_is_decided_nor_of_a_silent_credit(world: World) -> None:
    world.bank.credit("pay-1", "a-1", Money("10.00"), "sale")
    world.bank.credit("pay-2", "a-1", Money("10.54"), "sale")
    assert world.sender.step() == 0
    world.bank.settle()
    world.sender.step()
    assert world.order == ["pay-1"]


def test_while_the_secret_is_changed_both_sign() -> None:
    world = World(WEBHOOK_SECRET, NEXT_SECRET)
    world.paid("pay-1")
    world.sender.step()
    for secret in (WEBHOOK_SECRET, NEXT_SECRET):
        assert world.heard(-1, secret).adjustment.reference_id == "pay-1"


# Retries


def test_until_it_is_heard_it_comes_again_later_and_later(world: World) -> None:
    assert RETRY_SECONDS == (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
    world.answers = [500] * len(RETRY_SECONDS)
    world.paid("pay-1")
    world.sender.step()
    for n, seconds in enumerate(RETRY_SECONDS[1:], start=1):
        world.clock.advance(seconds - 0.001)
        world.sender.step()
        assert len(world.attempts) == n
        world.clock.advance(0.001)
        world.sender.step()
        assert len(world.attempts) == n + 1
    world.run(10**6, step_seconds=10_000)
    assert len(world.attempts) == len(RETRY_SECONDS)
    ids = {headers["webhook-id"] for _, _, headers, _ in world.attempts}
    stamps = [int(headers["webhook-timestamp"]) for _, _, headers, _ in world.attempts]
    assert ids == {world.bank.events()[0].event_id}
    assert [later - earlier for earlier, later in pairwise(stamps)] == [*RETRY_SECONDS[1:]], "each is signed anew"
    assert world.heard(0) == world.heard(1)
    assert world.sender.seen()["history"][-1]["result"] == "given up"
    assert world.sender.state()["waiting"] == []


def test_retries_are_compressed_by_a_factor(world: World) -> None:
    world.sender.set(compress=100)
    world.answers = [500] * 3
    world.paid("pay-1")
    world.run(60, step_seconds=0.05)
    assert [round(later - earlier, 2) for earlier, later in pairwise(world.times)] == [0.05, 3.0, 18.0]


UNHEARD = (199, 300, 302, 400, 401, 403, 404, 409, 429, 500, 503, OSError("cut"), ProtocolError("cut"))


@pytest.mark.parametrize(
    ("answer", "attempts"), [*((n, 1) for n in (200, 201, 202, 204, 299)), *((n, 2) for n in UNHEARD)], ids=str
)
def test_an_event_is_heard_when_any_2xx_says_so(world: World, answer: int | Exception, attempts: int) -> None:
    world.answers = [answer]
    world.paid("pay-1")
    world.run(1000)
    assert len(world.attempts) == attempts
    first = world.sender.seen()["history"][0]["result"]
    assert first == (answer if isinstance(answer, int) else f"no answer: {type(answer).__name__}")


def test_one_that_is_not_heard_keeps_no_other_waiting(world: World) -> None:
    world.answers = [500, 204, 500]
    world.paid("pay-1", "pay-2")
    world.run(4)
    assert world.order == ["pay-1", "pay-2"]


def test_a_target_that_is_gone_hears_no_more_until_one_is_set(world: World) -> None:
    world.answers = [410]
    world.paid("pay-1")
    world.run(100_000, step_seconds=1000)
    world.paid("pay-2")
    world.run(100_000, step_seconds=1000)
    assert (world.order, world.sender.seen()["disabled"]) == (["pay-1"], True)
    world.sender.set(target_url=TARGET + "/new")
    world.sender.step()
    assert world.order == ["pay-1", "pay-1", "pay-2"], "nothing is lost"
    assert {url for _, url, *_ in world.attempts[1:]} == {TARGET + "/new"}


def test_without_a_target_events_wait_in_the_bank(world: World) -> None:
    sender = Sender(world.bank, post=world._post)
    world.paid("pay-1")
    assert sender.step() == 0
    with pytest.raises(IllegalOrder, match="no target"):
        sender.send("pay-1")
    sender.set(target_url=TARGET)
    sender.step()
    assert world.order == ["pay-1"]


# What goes wrong on demand


def test_a_duplicate_comes_twice_with_one_id(world: World) -> None:
    world.sender.set(mode="duplicate", times=1)
    world.paid("pay-1", "pay-2")
    world.run(1000)
    assert world.order == ["pay-1", "pay-1", "pay-2"]
    assert world.heard(0) == world.heard(1)


def test_reordered_events_come_in_pairs_the_wrong_way_round(world: World) -> None:
    world.sender.set(mode="reorder")
    world.paid("pay-1")
    world.run(2)
    assert world.order == []
    world.paid("pay-2", "pay-3", "pay-4")
    world.run(1)
    assert world.order == ["pay-2", "pay-1", "pay-4", "pay-3"]


def test_an_event_that_no_other_follows_waits_no_longer_than_it_must(world: World) -> None:
    world.sender.set(mode="reorder", times=1, delay_seconds=30)
    world.paid("pay-1")
    world.run(30)  # it was taken after the first second
    assert world.order == []
    world.run(1)
    assert world.order == ["pay-1"]
    world.paid("pay-2")
    world.run(1)
    assert world.order == ["pay-1", "pay-2"], "the mode was for one event"


def test_a_delayed_event_comes_late_and_is_told_as_it_happened(world: World) -> None:
    world.sender.set(mode="delay", times=1, delay_seconds=400)
    world.paid("pay-1", "pay-2")
    world.run(500)
    assert world.order == ["pay-2", "pay-1"]
    assert world.times[1] - world.times[0] == 400
    assert world.heard(1).at == world.bank.record("pay-1").updated_at, "signed at the time of the attempt"


def test_a_lost_event_never_comes_and_is_sent_on_demand(world: World) -> None:
    world.sender.set(mode=Mode.LOSE, times=1)
    world.paid("pay-1", "pay-2")
    world.run(200_000, step_seconds=1000)
    assert world.order == ["pay-2"]
    assert world.sender.seen()["history"][0]["result"] == "lost"
    assert world.sender.send("pay-1")["result"] == 204
    assert world.heard().adjustment.reference_id == "pay-1"


@pytest.mark.parametrize(("mode", "why"), [("wrong_signature", "not signed"), ("old_timestamp", "300 s")])
def test_a_badly_signed_attempt_is_refused_and_the_next_is_heard(world: World, mode: str, why: str) -> None:
    world.sender.set(mode=mode, times=1)
    world.answers = [403]
    world.paid("pay-1")
    world.run(10)
    with pytest.raises(SignatureRefused, match=why):
        world.heard(0)
    assert world.heard(1).event_id == world.bank.events()[0].event_id


@pytest.mark.parametrize("mode", ["duplicate", "lose", "wrong_signature"])
def test_a_mode_without_times_is_in_force_until_another_is_set(world: World, mode: str) -> None:
    world.sender.set(mode=mode)
    world.paid(*(f"pay-{n}" for n in range(20)))
    world.sender.step()
    assert world.sender.seen()["mode"] == mode
    world.sender.set(mode="normal")
    world.paid("pay-good")
    world.sender.step()
    assert world.order[-1] == "pay-good"
    assert world.order.count("pay-good") == 1
    assert world.heard()


def test_an_event_is_sent_again_as_often_as_one_likes(world: World) -> None:
    world.paid("pay-1")
    world.sender.step()
    world.answers = [500, 204]
    results = [world.sender.send("pay-1")["result"] for _ in range(2)]
    assert results == [500, 204]
    world.run(1000)
    assert len(world.attempts) == 3, "and is not tried again by itself"
    assert len({headers["webhook-id"] for _, _, headers, _ in world.attempts}) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        *({"mode": "shout"}, {"times": 1}, {"mode": "lose", "times": 0}, {"mode": "lose", "times": 1001}),
        *({"delay_seconds": -1.0}, {"delay_seconds": float("nan")}, {"compress": 0.5}, {"target_url": ""}),
        *({"target_url": url} for url in ("ftp://bank", "http://", "http://[::1", "http://h/\ud800", "somewhere")),
    ],
    ids=str,
)
def test_settings_that_can_not_be_are_refused_and_nothing_changes(world: World, wrong: dict[str, Any]) -> None:
    before = world.sender.seen()
    with pytest.raises(IllegalOrder):
        world.sender.set(**{"target_url": TARGET + "/other", "compress": 60, **wrong})
    assert world.sender.seen() == before


# Restart, and the real wire


def test_what_was_on_its_way_goes_on_after_a_restart(world: World) -> None:
    world.answers = [500]
    world.sender.set(mode="reorder", times=1, delay_seconds=60)
    world.paid("pay-1")
    world.sender.step()
    world.sender.set(mode="normal")
    world.bank.set_outcome("fail")
    bank_state = json.loads(json.dumps(world.bank.state()))
    sender_state = json.loads(json.dumps(world.sender.state()))
    reborn = SimulatedBank(world.clock.now, seed=7)
    reborn.restore(bank_state)
    world.bank = reborn
    world.sender = Sender(reborn, target_url=TARGET, post=world._post)
    world.sender.restore(sender_state)
    assert world.sender.state() == sender_state
    world.paid("pay-2")
    world.run(10)
    assert world.order == ["pay-2", "pay-1", "pay-2"]


@pytest.mark.parametrize(("target_url", "disabled"), [(TARGET, True), (TARGET + "/other", False)])
def test_a_target_that_is_gone_is_still_gone_after_a_restart(world: World, target_url: str, disabled: bool) -> None:
    world.answers = [410]
    world.paid("pay-1")
    world.sender.step()
    sender = Sender(world.bank, target_url=target_url, post=world._post)
    sender.restore(world.sender.state())
    assert sender.seen()["disabled"] is disabled
    sender.step()
    assert len(world.attempts) == (1 if disabled else 2)


def test_what_is_no_state_of_webhooks_changes_nothing(world: World) -> None:
    world.answers = [500]
    world.paid("pay-1")
    world.sender.step()
    world.bank.credit("pay-2", "a-1", Money("10.00"), "sale")
    state = world.sender.state()
    (waiting,) = state["waiting"]
    for wrong in (
        None,
        {},
        state | {"waiting": [{}]},
        state | {"waiting": [waiting | {"due_at": "soon"}]},
        state | {"waiting": [waiting | {"reference_id": "pay-2"}]},
        state | {"waiting": [waiting | {"reference_id": "nobody"}]},
    ):
        with pytest.raises((IllegalOrder, UnknownReference)):
            world.sender.restore(wrong)
        assert world.sender.state() == state


def test_however_many_deliver_at_once_each_event_is_sent_once(world: World) -> None:
    world.paid(*(f"pay-{n}" for n in range(50)))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: world.sender.step(), range(16)))
    assert world.order == [f"pay-{n}" for n in range(50)]


def test_what_a_target_says_over_http_is_written_down(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that says nothing is not waited for for ever."""
    answers: list[Answer | Exception] = [Answer(503, ""), Drop(), Answer(204, ""), Hang()]

    def desk(request: Request) -> Answer:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with serve(desk, name="desk", hang_seconds=2) as running:
        world.sender = Sender(world.bank, target_url=running.url)
        world.paid("pay-1")
        told = [world.sender.send("pay-1")["result"] for _ in range(3)]
        assert told == [503, "no answer: ProtocolError", 204]
        assert webhooks.TIMEOUT_SECONDS == 15
        monkeypatch.setattr(webhooks, "TIMEOUT_SECONDS", 0.05)
        assert world.sender.send("pay-1")["result"] == "no answer: ReadTimeoutError"
