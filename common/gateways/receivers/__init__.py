"""Receivers of our webhooks: programs of customers, at addresses that they name. Of what one answers, its status is all
that counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from common.errors import Rejected, Unavailable


class AddressRefused(Rejected):
    """Webhooks do not go to such an address: it is to be https, and on the public internet."""


class ReceiverSilent(Unavailable):
    """No answer came in time, or none that can be read. The receiver may have the message or not.

    Fact `what`: timeout, connection or garbage.
    """


class Receivers(Protocol):
    def must_be_allowed(self, url: str) -> None:
        """Raises AddressRefused for what is no address, and where it can be told without looking up a name."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Send one message, once, and tell the status of the answer. No redirect is followed.

        Raises AddressRefused: nothing was sent; ReceiverSilent.
        """
