"""What the faces and their processes have in common: where they listen, how they stop, what stops their start."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import urllib3

from common import clock
from sandbox.bank import __main__ as bank_process
from sandbox.bank.bank import SimulatedBank
from sandbox.bank.face import serve as serve_bank
from sandbox.bank.webhooks import WEBHOOK_SECRET
from sandbox.billing import __main__ as billing_process
from sandbox.billing.controls import Controls as BillingControls
from sandbox.billing.faults import Fault as BillingFault
from sandbox.billing.faults import Faults as BillingFaults
from sandbox.billing.kafka import TOPIC
from sandbox.billing.system import BillingSystem
from sandbox.exchange import __main__ as exchange_process
from sandbox.exchange.controls import Controls
from sandbox.exchange.faults import Fault as ExchangeFault
from sandbox.exchange.faults import Faults
from sandbox.exchange.venue import Venue
from sandbox.hufi import __main__ as hufi_process
from sandbox.hufi.controls import Controls as HufiControls
from sandbox.hufi.faults import Fault as HufiFault
from sandbox.hufi.faults import Faults as HufiFaults
from sandbox.hufi.hufi import Hufi
from sandbox.mixin import __main__ as mixin_process
from sandbox.mixin.controls import MISHAPS
from sandbox.mixin.controls import Controls as MixinControls
from sandbox.mixin.desk import DESK
from sandbox.mixin.faults import Fault as MixinFault
from sandbox.mixin.faults import Faults as MixinFaults
from sandbox.mixin.safe import Safe
from sandbox.prices import __main__ as prices_process
from sandbox.prices.face import serve as serve_prices
from sandbox.prices.oracle import Fault as PriceFault
from sandbox.prices.oracle import Oracle
from sandbox.serving import BODY_BYTES_MAX, Hang, Request, Running, serve
from tests.sandbox.faces import call

Main = Callable[[list[str]], object]
MAINS: dict[str, Main] = {
    "bank": bank_process.main,
    "billing": billing_process.main,
    "exchange": exchange_process.main,
    "hufi": hufi_process.main,
    "mixin": mixin_process.main,
    "prices": prices_process.main,
}
each_process = pytest.mark.parametrize("name", MAINS)
Face = Callable[..., Running]


def _serve_exchange(on_change: Callable[[], None] = lambda: None) -> Running:
    controls = Controls(Venue(clock.now), Faults(), [], clock.now, on_change=on_change)
    return serve(controls.decide, name="x")


def _serve_billing(on_change: Callable[[], None] = lambda: None) -> Running:
    controls = BillingControls(BillingSystem(clock.now), BillingFaults(), on_change=on_change)
    return serve(controls.decide, name="x")


def _serve_hufi(on_change: Callable[[], None] = lambda: None) -> Running:
    controls = HufiControls(Hufi(clock.now, {}), HufiFaults(), on_change=on_change)
    return serve(controls.decide, name="x")


def _serve_mixin(on_change: Callable[[], None] = lambda: None) -> Running:
    controls = MixinControls(Safe(clock.now), MixinFaults(clock.now), DESK.app_id, on_change=on_change)
    return serve(controls.decide, name="x")


FACES: dict[str, tuple[Face, tuple[str, str, object]]] = {  # and a change that it can be told to make
    "bank": (
        lambda **o: serve_bank(SimulatedBank(clock.now, 7), **o),
        ("PUT", "/sandbox/settle", {"seconds": 1}),
    ),
    "billing": (_serve_billing, ("PUT", "/sandbox/down", {"down": False})),
    "exchange": (_serve_exchange, ("PUT", "/sandbox/latency", {"seconds": 1})),
    "hufi": (_serve_hufi, ("PUT", "/sandbox/down", {"down": False})),
    "mixin": (_serve_mixin, ("PUT", "/sandbox/delays", {"chain_seconds": 1})),
    "prices": (
        lambda **o: serve_prices(Oracle(clock.now, 7), **o),
        ("PUT", "/sandbox/prices/bitcoin", {"usd": "1"}),
    ),
}
each_face = pytest.mark.parametrize("name", FACES)


@pytest.fixture
def url() -> Iterator[str]:
    def hang(_: Request) -> Any:
        raise Hang

    with serve(hang, name="x") as running:
        yield running.url


@each_face
def test_a_face_listens_on_this_machine_only(name: str) -> None:
    with FACES[name][0]() as face:
        assert face.url.startswith("http://127.0.0.1:")


ORDERS: dict[str, tuple[dict[str, object], dict[str, object]]] = {  # one of their own, and one for any call
    "bank": ({"kind": "drop_after", "on": "credit"}, {"kind": "429", "on": "any"}),
    "billing": ({"kind": "timeout_after", "on": "invoice"}, {"kind": "429", "on": "any"}),
    "exchange": ({"kind": "timeout_after", "on": "place"}, {"kind": "429", "on": "any"}),
    "hufi": ({"kind": "timeout_after", "on": "join"}, {"kind": "429", "on": "any"}),
    "mixin": ({"kind": "timeout_after", "on": "send"}, {"kind": "429", "on": "any"}),
    "prices": ({"kind": "timeout"}, {"kind": "429"}),
}


@each_face
def test_faults_are_ordered_seen_and_called_off(name: str) -> None:
    own, any_429 = ORDERS[name]
    waiting = [order if "on" in order else order["kind"] for order in (own, own, any_429)]
    with FACES[name][0]() as face:
        faults = f"{face.url}/sandbox/faults"
        assert call(faults, "POST", own | {"times": 2}).json == {"faults": waiting[:2]}
        assert call(faults, "POST", {"kind": "429"}).json == {"faults": waiting}
        assert "3 faults already wait" in call(faults, "POST", {"kind": "429", "times": 998}).error
        assert call(f"{face.url}/sandbox/state").json["faults"] == waiting
        assert call(faults, "DELETE").json == {"faults": []}


@each_face
def test_a_change_that_can_not_be_kept_is_told(name: str) -> None:
    def full() -> None:
        raise OSError("No space left on device")

    serve_face, (method, path, body) = FACES[name]
    with serve_face(on_change=full) as face:
        said = call(face.url + path, method, body)
        assert call(f"{face.url}/sandbox/state").status == 200, "nothing changed, nothing is kept"
    assert (said.status, "No space left" in said.error) == (500, True)


@each_face
def test_a_body_that_is_too_long_is_refused_and_the_connection_ends(name: str) -> None:
    serve_face, (method, path, _) = FACES[name]
    with serve_face() as face:
        said = call(face.url + path, method, b" " * (BODY_BYTES_MAX + 1))
    assert (said.status, f"at most {BODY_BYTES_MAX}" in said.error, said.headers["Connection"]) == (400, True, "close")


def test_one_connection_carries_many_questions() -> None:
    with FACES["bank"][0]() as face:
        port = int(face.url.rsplit(":", 1)[1])
        with urllib3.HTTPConnectionPool("127.0.0.1", port) as pool:
            assert {pool.request("GET", "/sandbox/state").status for _ in range(3)} == {200}
            assert pool.num_connections == 1


def test_a_caller_that_waits_is_let_go_when_the_face_closes() -> None:
    asked: list[Request] = []
    ended: list[str] = []

    def hang(request: Request) -> Any:
        asked.append(request)
        raise Hang

    def wait() -> None:
        with pytest.raises(urllib3.exceptions.ProtocolError):
            call(face.url)
        ended.append("the connection was closed")

    face = serve(hang, name="x")
    waiting = Thread(target=wait)
    waiting.start()
    while not asked:
        time.sleep(0.001)
    face.close()
    face.close()  # again does nothing
    waiting.join(5)
    assert ended == ["the connection was closed"]


# What stops a start


def stopped(name: str, *arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        MAINS[name](["--port", "0", *arguments])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


UNREADABLE = {
    "bank": ["", "[]", "{}", '{"bank": {}, "webhooks": {}}', '{"bank": [], "webhooks": []}'],
    "billing": ["", "[]", "{}", '{"drawn": 1, "made": [["Client", {}]], "keys": {}, "outbox": []}', '{"drawn": "x"}'],
    "exchange": ["", "[]", "{}", '{"settings": {}, "venue": {}}', '{"settings": 1, "venue": {"symbols": []}}'],
    "hufi": ["", "[]", "{}", '{"drawn": 1, "nonces": {}, "keys": [], "campaigns": [{}]}'],
    "mixin": ["", "[]", "{}", '{"members": 1}', '{"fees": {}, "delays": {"chain_seconds": -1}}'],
    "prices": ["", "[]", "[1]", '{"bitcoin": {"usd": 1.5}}', '{"bitcoin": {"usd": "NaN"}}', '{"a": 1}'],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in UNREADABLE.items() for text in texts])
def test_a_state_that_can_not_be_read_stops_the_start_with_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str
) -> None:
    kept = tmp_path / "kept.json"
    kept.write_text(text)
    assert stopped(name, "--state", str(kept)) == 2
    assert str(kept) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--webhook-url", "somewhere"], "target_url is 'somewhere'"),
        (["--settle-seconds", "-1"], "seconds is -1"),
        (["--compress", "0"], "compress is 0"),
    ],
)
def test_settings_of_the_bank_that_are_none_stop_the_start_with_a_word(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert stopped("bank", *arguments) == 2
    assert said in capsys.readouterr().err


HELP = {
    "bank": ["--webhook-url", "4610", "/sandbox/outcome", ".53 stays pending", WEBHOOK_SECRET],
    "billing": ["--seed", "4640", "--kafka", "--function", "/sandbox/payments", TOPIC, *BillingFault],
    "exchange": ["--seed", "--prices-url", "/sandbox/faults", "777", *ExchangeFault],
    "hufi": ["--seed", "4630", "--exchange-url", "/sandbox/campaigns", "binance", *HufiFault],
    "mixin": ["--seed", "4620", "/sandbox/payments", DESK.app_id, *MixinFault, *MISHAPS],
    "prices": ["--seed", "/sandbox/faults", *PriceFault],
}


@each_process
def test_help_shows_how_to_ask_and_how_to_break_it(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert stopped(name, "--help") == 0
    said = capsys.readouterr().out
    assert [word for word in ("--port", "--state", *HELP[name]) if word not in said] == []


@each_process
def test_a_taken_port_stops_the_start_with_a_word(name: str, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert stopped(name, "--port", url.rsplit(":", 1)[1]) == 2
    assert "choose another" in capsys.readouterr().err
