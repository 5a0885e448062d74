"""How our webhooks are signed: Standard Webhooks, `v1`.

webhook-id: GABC…             the same at every attempt
webhook-timestamp: 1764000000 of this attempt
webhook-signature: v1,… v1,…  one of each secret that is in force
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime

from standardwebhooks.webhooks import Webhook


def secret(master: bytes, endpoint_id: str, registration: str, number: int) -> str:
    """The number-th secret of an endpoint, `whsec_` and 32 bytes in base64: no table has it. What was registered anew
    under the same id has others: one that was replaced, since somebody had heard of it, never signs again."""
    of = (endpoint_id, *filter(None, (registration,)), str(number))
    made = hmac.digest(master, "\x1f".join(("webhook", *of)).encode(), hashlib.sha256)
    return "whsec_" + base64.b64encode(made).decode()


def headers(secrets: Sequence[str], webhook_id: str, at: datetime, body: str) -> Mapping[str, str]:
    """Raises ValueError where there is no secret: nothing leaves unsigned."""
    if not secrets:
        raise ValueError("a webhook is signed by one secret at least")
    return {
        "Content-Type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(each).sign(webhook_id, at, body) for each in secrets),
    }
