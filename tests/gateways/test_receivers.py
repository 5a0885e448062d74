"""Where webhooks may go: nowhere that is ours, by whatever name; and what comes of a receiver that misbehaves."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from common.gateways.receivers import AddressRefused, Receivers, ReceiverSilent
from common.gateways.receivers.http import HttpReceivers
from functions.notifications import signing
from sandbox.receivers import SimulatedReceivers
from tests.gateways.wire import Send, Wire, drip, http, nobody, silence

PRIVATE = (
    *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
    *("100.64.0.1", "198.18.0.1", "192.0.2.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *("::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:1::1"),
    *("::7f00:1", "fe80::1%eth0", "fec0::1", "feff::1"),
)


def at(*addresses: str, **given: Any) -> HttpReceivers:
    """Receivers where every name has these addresses."""
    return HttpReceivers(look_up=lambda *_: list(addresses), **given)


def laptop(**given: Any) -> HttpReceivers:
    return at("127.0.0.1", loopback=True, **given)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_to_an_address_of_ours_is_refused(address: str) -> None:
    for found in ([address], ["93.184.215.14", address]):
        with pytest.raises(AddressRefused):
            at(*found).post("https://hooks.example", {}, b"{}")


@pytest.mark.parametrize("address", [each for each in PRIVATE if "%" not in each])
def test_an_address_of_ours_can_not_be_registered(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(AddressRefused):
        HttpReceivers().must_be_allowed(f"https://{host}/desk")


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1"])
def test_another_way_to_write_this_machine_is_refused_when_it_is_looked_up(host: str) -> None:
    with pytest.raises(AddressRefused):
        HttpReceivers().post(f"https://{host}", {}, b"{}")


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "hooks.example",
            "//hooks.example",
            "ftp://hooks.example",
            "file:///etc/passwd",
            "https://",
            "https:///x",
        ),
        *("http://hooks.example", "https://ann@hooks.example", "https://:p@hooks.example", "https://hooks.example/#x"),
        *("https://hooks.example:22", "https://hooks.example:99999", "https://hooks.example:x", "https://[::1"),
        *("https://hooks.example/a b", "https://hooks.example/\r\nX: y", "https://hooks\u00e9.example"),
        *("https://a..b/", "https://.hooks.example", f"https://{'x' * 64}.example", "https://-a.example"),
        *("https://hooks.example\\@127.0.0.1", "https://a%62.example", f"https://hooks.example/{'x' * 500}"),
    ],
)
def test_what_is_no_address_for_webhooks_is_refused(url: str) -> None:
    for act in (HttpReceivers().must_be_allowed, lambda it: HttpReceivers().post(it, {}, b"{}")):
        with pytest.raises(AddressRefused):
            act(url)


@pytest.mark.parametrize("url", ["https://hooks.example", "https://hooks.example:8443/x?y=z", "https://93.184.215.14"])
def test_an_address_of_the_internet_may_be_registered(url: str) -> None:
    HttpReceivers().must_be_allowed(url)


@pytest.mark.parametrize("host", ["xn--a", "xn--a.example", "x_y.example", "a.example."])
def test_a_name_that_a_library_takes_for_none_is_silent_and_no_bug(host: str) -> None:
    """Whatever was registered once: the address is there, and nobody listens."""
    strange = HttpReceivers(look_up=_no_name)
    with pytest.raises(ReceiverSilent):
        strange.post(f"https://{host}/", {}, b"{}")


def _no_name(host: str, _: int) -> list[str]:
    raise UnicodeError(f"label empty or too long: {host}")


def test_the_connection_is_made_to_the_address_that_was_looked_at() -> None:
    """A name that is answered otherwise a moment later leads nowhere else: it is looked up once."""
    asked = []

    def look_up(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    with Wire(http("{}", "204 No Content")) as wire:
        port = int(wire.url.rpartition(":")[2])
        there = HttpReceivers(loopback=True, look_up=look_up)
        assert there.post(f"http://hooks.example:{port}/desk?of=ann", {"webhook-id": "G1"}, b"{}") == 204
    assert asked == [("hooks.example", port)]
    request, *headers = wire.heads[0].split("\r\n")
    assert request == "POST /desk?of=ann HTTP/1.1"
    assert {f"Host: hooks.example:{port}", "webhook-id: G1"} <= set(headers)
    assert wire.bodies == [b"{}"]


def test_plain_http_goes_to_this_machine_alone_and_only_where_that_is_set() -> None:
    with Wire(http("{}")) as wire:
        with pytest.raises(AddressRefused):
            HttpReceivers().post(wire.url, {}, b"{}")
        for elsewhere in ("93.184.215.14", "10.0.0.1", "169.254.169.254"):
            with pytest.raises(AddressRefused):
                at(elsewhere, loopback=True).post(wire.url, {}, b"{}")
        assert wire.heads == []
        assert HttpReceivers(loopback=True).post(wire.url, {}, b"{}") == 200


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
def test_no_redirect_is_followed(status: str) -> None:
    with Wire(http("there")) as other, Wire(http("", status, f"Location: {other.url}")) as wire:
        assert laptop().post(wire.url, {}, b"{}") == int(status[:3])
        assert other.heads == []


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (silence, "timeout"),
        (drip(b"HTTP/1.1 200 " + b"x" * 600), "timeout"),
        (b"", "connection"),
        (b"no HTTP at all\r\n\r\n", "connection"),
    ],
)
def test_a_receiver_that_does_not_answer_in_time_or_at_all_is_silent(answer: bytes | Send, what: str) -> None:
    began = time.monotonic()
    with Wire(answer) as wire, pytest.raises(ReceiverSilent) as silent:
        laptop(read_seconds=0.15).post(wire.url, {}, b"{}")
    assert silent.value.facts["what"] == what
    assert time.monotonic() - began < 5


def test_a_receiver_that_is_not_there_is_silent() -> None:
    with pytest.raises(ReceiverSilent):
        laptop().post(nobody(), {}, b"{}")
    with pytest.raises(ReceiverSilent):
        at().post("https://hooks.example", {}, b"{}")


def test_what_is_sent_is_verified_by_the_library_of_standard_webhooks() -> None:
    """With the wire between, by the clock of the day."""
    secret, body = signing.secret(b"master", "endpoint-1", "", 1), '{"type": "order.completed"}'
    old = signing.secret(b"master", "endpoint-1", "", 0)
    with Wire(http("{}")) as wire:
        laptop().post(wire.url, signing.headers([secret, old], "G1", datetime.now(UTC), body), body.encode())
    sent = dict(line.split(": ", 1) for line in wire.heads[0].split("\r\n")[1:])
    for each in (secret, old):
        assert Webhook(each).verify(wire.bodies[0], sent) == {"type": "order.completed"}


def test_nothing_is_signed_by_nobody() -> None:
    with pytest.raises(ValueError, match="one secret at least"):
        signing.headers([], "G1", datetime.now(UTC), "{}")


@pytest.mark.parametrize("receivers", [laptop(), SimulatedReceivers(lambda: datetime.now(UTC))])
def test_the_simulated_receivers_are_receivers(receivers: Receivers) -> None:
    receivers.must_be_allowed("https://hooks.example/desk")
    with pytest.raises(AddressRefused):
        receivers.must_be_allowed("ftp://hooks.example")
    with pytest.raises(AddressRefused):
        receivers.post("ftp://hooks.example", {}, b"{}")
