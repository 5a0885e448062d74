"""Cursors of lists: opaque, signed, bound to one list of one user, and good for a day.

    cursor = base64url( mac ‖ json [expires, position] ),  mac = HMAC-SHA256(key, list ‖ json)[:16]

`list` names the caller, the route and its filters; it is signed and not carried, so a cursor used elsewhere fails
like a forged one.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.errors import Rejected
from common.table.table import LOOKED_MAX, Page, Position

LIMIT_DEFAULT = 20
LIMIT_MAX = 100
LIFETIME_SECONDS = 24 * 3600
_MAC_BYTES = 16


class CursorRefused(Rejected):
    """The cursor was changed, belongs to another list or another user, or is older than a day."""


def why_short(page: Page[Any], limit: int) -> str | None:
    """What a page says that goes on and has fewer than were asked for."""
    if page.after is None or len(page.items) >= limit:
        return None
    return f"among the {LOOKED_MAX} looked at for this page there were no more of these; the cursor goes on behind them"


@dataclass(frozen=True)
class Cursors:
    key: Callable[[], bytes]  # read when first needed
    now: Callable[[], datetime]

    def write(self, listed: str, position: Position | None) -> str | None:
        if position is None:
            return None
        expires = int(self.now().timestamp()) + LIFETIME_SECONDS
        text = json.dumps([expires, position], separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._mac(listed, text) + text).decode().rstrip("=")

    def read(self, listed: str, cursor: str | None) -> Position | None:
        """Raises CursorRefused."""
        if cursor is None:
            return None
        refused = CursorRefused("this cursor is not one of this list; begin again without it")
        try:
            signed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise refused from None
        mac, text = signed[:_MAC_BYTES], signed[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(listed, text)):
            raise refused
        expires, position = json.loads(text)
        if expires < self.now().timestamp():
            raise CursorRefused("this cursor is older than a day; begin again without it")
        return dict(position)

    def _mac(self, listed: str, text: bytes) -> bytes:
        return hmac.digest(self.key(), listed.encode() + b"\x1f" + text, hashlib.sha256)[:_MAC_BYTES]
