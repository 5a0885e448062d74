"""A customer's account and the dollars that come into it and leave it.

Opening an account gives a balance of zero. A deposit is credited at once, inside a daily limit. A withdrawal moves
its amount to a hold, and the machine `payout` pays it to a bank. After the last rejected attempt an operator decides:
one more attempt, paid by another way, or given back. Without a client at a bank it waits for an operator from the
beginning.

    deposit ──▶ COMPLETED
                    ┌─ paid ──────────────────────▶ COMPLETED ◀─┐
    withdrawal: PENDING                                         │ by hand
                    ├─ 5 × rejected ──▶ PAYOUT_FAILED ──────────┤
                    └─ given back by hand ────────▶ REJECTED ◀──┘
"""
