"""The bank's webhook: a function of its own, which holds neither the exchange's key nor a right on what it does not
touch."""

from __future__ import annotations

from common import clock, http
from common.gateways import configured
from common.gateways.bank import SignatureRefused, baas
from common.log import count, log
from common.wire import View
from functions.payouts.wiring import events

app = http.api()
OPEN_ROUTES = {"POST /webhooks/baas"}  # without a token: the bank signs


class Taken(View):
    """APPLIED, AGREES, REPEATED, PARKED or IGNORED: whichever it is, it need not be sent again."""

    taken: str


@app.post("/webhooks/baas", tags=["webhooks"], summary="The bank tells what became of a payout")
def bank_event() -> Taken:
    """The bank alone calls it, and signs each event as Standard Webhooks say. An event that was taken once changes
    nothing when it comes again."""
    body = http.raw_body(app)
    try:
        event = baas.event(app.current_event.headers, body, configured.webhook_secrets(), now=clock.now)
    except SignatureRefused:
        count("SignaturesRefused")
        raise
    except baas.NoNews:
        log.info("bank event needs nothing")
        return Taken(taken="IGNORED")
    except baas.EventNotUnderstood as strange:  # sent again it would be no clearer
        log.error("bank event not understood", extra={"why": strange.detail, **strange.facts})
        return Taken(taken=events().park(strange.facts["webhook_id"], baas.outline(body), strange.detail))
    return Taken(taken=events().receive(event))


handler = http.serve(app, events, open_routes=OPEN_ROUTES)
