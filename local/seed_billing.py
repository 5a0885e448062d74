"""What dealer billing begins with: a dealer of CME's with a bill, and a person of his. What is there already is left as
it is. Its accounts and its invoice are opened meanwhile, as those of any other dealer."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus

import httpx

DEALER = "cme-7"
DEALERS, DEALS = "/billing/dealers", "/billing/deals"
REQUISITES = {
    "kind": "COMPANY",
    "name": "ООО «Автосалон»",
    "inn": "7707083893",
    "kpp": "773601001",
    "ogrn": "1027700132195",
    "legal_address": "117997, Москва, ул. Вавилова, 19",
    "post_address": "117997, Москва, ул. Вавилова, 19",
    "bank_name": "ПАО Сбербанк",
    "bik": "044525225",
    "account": "40702810938000000001",
    "correspondent_account": "30101810400000000225",
}
OFFER = "2026-11"
PRICE = "1000000.00"  # of the car: its commission is billed


def bill(cme: httpx.Client) -> bool:
    """False, if the dealer has his bill. Raises HTTPStatusError."""
    deal_id = f"{DEALER}-1"
    if cme.get(f"{DEALS}/{deal_id}").status_code == HTTPStatus.OK:
        return False
    asked = {"cme_dealer_id": DEALER, "requisites": REQUISITES, "offer_version": OFFER}
    registered = cme.post(DEALERS, json={**asked, "offer_accepted_at": datetime.now(UTC).isoformat()})
    if registered.status_code != HTTPStatus.CONFLICT:  # by a seeding that ended half-way
        registered.raise_for_status()
    cme.post(DEALS, json={"deal_id": deal_id, "cme_dealer_id": DEALER, "price": PRICE}).raise_for_status()
    return True
