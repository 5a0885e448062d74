"""Is the audit what was written? The desk tells the entries and their anchors; whether they hold is reckoned here, with
nothing of the desk's own but what docs/openapi.json says of them.

What breaks the chain is told as one sentence each. Anchors are read before the entries, so that an act of this moment
is no fault.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

Entry = Mapping[str, Any]
Anchor = Mapping[str, str]
TEXTS = ("number", "previous", "at", "operator", "action", "subject", "detail")


def digest_of(entry: Entry) -> str:
    texts = [str(entry[name]) for name in TEXTS]
    return sha256(json.dumps(texts, separators=(",", ":")).encode()).hexdigest()


def faults(entries: Sequence[Entry], head: Mapping[str, Any], anchors: Iterable[Anchor]) -> Iterator[str]:
    """Of all entries, in the order in which the desk tells them, day after day. `head` was asked for before them."""
    digests = {0: ""}
    expected = 1
    for entry in entries:
        number, own = entry["number"], digest_of(entry)
        if number > expected:
            missing = f"entry {expected} is" if number == expected + 1 else f"entries {expected} to {number - 1} are"
            yield f"{missing} missing before entry {number}"
        elif number < expected:
            yield f"entry {number} is told after entry {expected - 1}"
        if entry["digest"] != own:
            yield f"entry {number} is not as it was written: its digest says {entry['digest']}, and it has {own}"
        if number - 1 in digests and entry["previous"] != digests[number - 1]:
            yield f"entry {number} does not follow entry {number - 1} as that is now"
        digests[number], expected = own, max(expected, number + 1)
    if head["number"] and digests.get(head["number"]) != head["digest"]:
        yield f"the head says that entry {head['number']} is the last one, with digest {head['digest']}: it is not"
    yield from _unanchored(digests, anchors, head["public_key"])


def _unanchored(digests: Mapping[int, str], anchors: Iterable[Anchor], public_key: str) -> Iterator[str]:
    for anchor in anchors:
        if not _is_signed(anchor, public_key):
            yield f"the anchor of {anchor['at'] or 'no time'} is not signed: {anchor['digest']}"
        elif digests.get(int(anchor["number"])) != anchor["digest"]:
            yield (
                f"on {anchor['at']} entry {anchor['number']} was the last one, with digest {anchor['digest']}: it was "
                "changed since, or is missing"
            )


def _is_signed(anchor: Anchor, public_key: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    key = load_der_public_key(base64.b64decode(public_key))
    said = f"{anchor['number']} {anchor['digest']} {anchor['at']}".encode()
    if not isinstance(key, EllipticCurvePublicKey):
        return False
    try:
        key.verify(base64.b64decode(anchor["signature"]), said, ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True
