"""A customer's account and the dollars that come into it and leave it.

Opening an account gives a balance of zero. A deposit is credited at once, inside a daily limit. A withdrawal moves
its amount to a hold and waits: an operator completes it when the bank has paid, or rejects it and the hold goes back.

    deposit ──▶ COMPLETED
                    ┌─paid by the bank──▶ COMPLETED
    withdrawal: PENDING
                    └─rejected──▶ REJECTED
"""
