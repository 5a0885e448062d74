"""Receivers over HTTP. A customer names the address, and our function asks it: so it must not be one of ours.

    https://hooks.example.com/desk?of=ann     scheme, host, perhaps a port, a path and a query; no user, no fragment

The name is looked up, every address found has to be of the public internet, and the connection is made to the address
that was looked at: a name that is answered otherwise a moment later leads nowhere else. The certificate has to be that
of the name.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from common.gateways.receivers import AddressRefused, ReceiverSilent
from common.gateways.transport import NoAnswer, Transport

URL_LENGTH_MAX = 500
CONNECT_SECONDS, READ_SECONDS = 3.0, 10.0
BODY_BYTES_MAX = 64 * 1024  # of an answer, which nobody reads
# They carry another address, which may be one of ours: NAT64 (two of it), 6to4, Teredo, IPv4 as IPv6 (two of it).
_CARRIERS = tuple(
    map(IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::ffff:0:0/96", "::/96"))
)
_PORTS_TAKEN = (443, *range(1024, 65_536))  # below are services that are no webhooks

_PART = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"  # of a name, between its dots: else no look-up and no TLS takes it
_NAME = re.compile(rf"(?=.{{1,253}}$){_PART}(\.{_PART})*\.?|(?=.*:)[0-9a-f:.]{{2,45}}", re.IGNORECASE)  # or IPv6

LookUp = Callable[[str, int], list[str]]


class HttpReceivers:
    """The port `Receivers`.

    loopback: whether plain http to this machine is let through, for a laptop. Nothing else that is private ever is.
    look_up: the addresses of a name; the system's by default.
    """

    def __init__(
        self,
        *,
        loopback: bool = False,
        look_up: LookUp | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._loopback = loopback
        self._look_up = look_up or _looked_up
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds

    def must_be_allowed(self, url: str) -> None:
        """See `Receivers`."""
        address = self._read(url)
        literal = _literal(address.hostname or "")
        if literal is not None:
            self._must_be_public(literal, encrypted=address.scheme == "https")

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """See `Receivers`."""
        address = self._read(url)

        def address_of(host: str, port: int) -> str:
            found = self._look_up(host, port)
            for each in found:
                self._must_be_public(ip_address(each.partition("%")[0]), encrypted=address.scheme == "https")
            if not found:
                raise OSError("the name has no address")
            return found[0]

        target = (address.path or "/") + (f"?{address.query}" if address.query else "")
        try:
            transport = Transport(
                f"{address.scheme}://{address.netloc}",
                connect_seconds=self._connect_seconds,
                read_seconds=self._read_seconds,
                body_bytes_max=BODY_BYTES_MAX,
                address_of=address_of,
            )
            return transport.ask("POST", target, headers, body, believed=()).status
        except NoAnswer as none:
            raise ReceiverSilent(f"the receiver did not answer: {none.what}", what=none.what) from none
        except ValueError as strange:  # a name that libraries below take for none, each in its own way
            raise ReceiverSilent("the receiver can not be asked: its name is none", what="connection") from strange

    def _read(self, url: str) -> SplitResult:
        """Raises AddressRefused."""
        try:
            address = urlsplit(url)
            port = address.port
        except ValueError:
            raise _refused("it can not be read") from None
        if len(url) > URL_LENGTH_MAX or not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
            raise _refused(f"it is longer than {URL_LENGTH_MAX} characters, or holds some that no address has")
        if (
            not _NAME.fullmatch(address.hostname or "")
            or address.username is not None
            or address.password is not None
            or address.fragment
        ):
            raise _refused(
                "it is to have a host, of names of 1 to 63 letters, digits or hyphens with a dot between two, no user "
                "and no fragment"
            )
        if address.scheme == "http" and self._loopback:
            return address
        if address.scheme != "https":
            raise _refused("it is to begin with https://")
        if port is not None and port not in _PORTS_TAKEN:
            raise _refused("its port is to be 443, or 1024 and above")
        return address

    def _must_be_public(self, address: IPv4Address | IPv6Address, *, encrypted: bool) -> None:
        """Raises AddressRefused."""
        if self._loopback and address.is_loopback:
            return
        carried = isinstance(address, IPv6Address) and (
            any(address in carrier for carrier in _CARRIERS) or address.is_site_local  # which Python counts as global
        )
        if carried or not address.is_global or address.is_multicast or address.is_reserved:
            raise _refused("it leads to an address that is not on the public internet")
        if not encrypted:
            raise _refused("it is to begin with https://")


def _looked_up(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as no_name:
        raise OSError("it is no name") from no_name
    return [str(address[0]) for *_, address in found]


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _refused(why: str) -> AddressRefused:
    return AddressRefused(f"webhooks can not be sent there: {why}")
