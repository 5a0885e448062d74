"""What is planted in who is told what, and signed by whom."""

from __future__ import annotations

from tests.planted.plants import Kind, Plant, plant

NOTIFICATIONS = "functions/notifications"
DELIVERIES = "tests/notifications/test_deliveries.py"
REPLACED = f"{DELIVERIES}::test_a_secret_that_was_replaced_never_signs_again"
NEXT = f"{DELIVERIES}::test_what_waited_for_a_deleted_endpoint_does_not_go_to_the_next_of_its_key"

PLANTS: list[Plant] = [
    plant(
        "told-a-replaced-secret-comes-back",
        Kind.DEDUPE_KEY,
        f"{NOTIFICATIONS}/signing.py:secret",
        "*filter(None, (registration,)), ",
        "",
        "Who has heard of a secret signs orders in the desk's name, after it was replaced because of that.",
        REPLACED,
    ),
    plant(
        "told-to-whoever-registers-the-same-key-next",
        Kind.CONDITION,
        f"{NOTIFICATIONS}/service.py:Deliveries._attempt",
        "if endpoint.registration != delivery.registration:",
        "if False:",
        "What was meant for a program that was given up goes to an address that never asked for it.",
        NEXT,
    ),
    plant(
        "told-gone-by-who-is-asked-no-more",
        Kind.CONDITION,
        f"{NOTIFICATIONS}/store.py:disable",
        "when=_is(endpoint) & (item.url == endpoint.url),",
        "when=item.sub == endpoint.owner.sub,",
        "The program of before says that it wants no more, and the one of now hears nothing.",
        NEXT,
        f"{DELIVERIES}::test_a_gone_of_the_address_before_does_not_end_the_one_of_now",
    ),
    plant(
        "told-with-a-leaked-secret-for-a-day",
        Kind.CONDITION,
        f"{NOTIFICATIONS}/store.py:rotate",
        "now if at_once else now + model.BOTH_SIGN_FOR",
        "now + model.BOTH_SIGN_FOR",
        "A secret that leaked is good for a day more, though its owner has said that it is not.",
        f"{DELIVERIES}::test_a_secret_that_leaked_ends_at_once",
    ),
]
