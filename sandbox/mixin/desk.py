"""What the custody's process begins with: the desk as a member, with its keys, of the sandbox only."""

from __future__ import annotations

import hashlib

from sandbox.mixin.signatures import Keystore

DESK = Keystore(
    app_id="8d7a3e52-6c1b-4f0e-9a44-5b2f90c1d7e3",
    session_id="2f4c9b10-7d35-4e8a-b6f1-0c83a5e4d912",
    session_private_key=hashlib.sha256(b"sandbox-desk-session").hexdigest(),
    spend_private_key=hashlib.sha256(b"sandbox-desk-spend").hexdigest(),
)
