"""Payouts: dollars that are held for a customer go to his account at the bank, by one attempt after another.

Shared by whatever ends in a payout: a cash-out, and a withdrawal of dollars, which is a payout with no sale before
it. The order is its context's; from the first attempt on its status is moved here, in the transaction that decides
the attempt.

    attempt   PENDING ─┬─▶ COMPLETED    the order is paid
                       └─▶ REJECTED     after a pause the next attempt; after the last one the order has failed

An attempt is written before the bank is called, and its reference is the bank's idempotency key. What the bank has
not answered is unknown, not failed: the attempt stays, and is asked for by its reference. The webhook, the machine
and the operator all decide by the same conditional write, so exactly one of them does.
"""
