"""HTTP: orders, the catalogue they are placed against, holdings, what has moved, and what it was worth. What they share
is in `door`."""

from __future__ import annotations

from common import http
from functions.orders.api import catalogue, history, holdings, moves, quoting, status, trading  # noqa: F401  # their routes
from functions.orders.api.door import app, orders

handler = http.serve(app, orders)
