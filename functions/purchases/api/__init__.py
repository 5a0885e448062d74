"""HTTP: purchases, sales and recurring buys. What their routes share is in `door`."""

from __future__ import annotations

from common import http
from functions.purchases.api import recurring, trading  # noqa: F401  # their routes
from functions.purchases.api.door import app
from functions.purchases.wiring import purchases

handler = http.serve(app, purchases)
