"""Cash out (seed 000): coins are sold at an exchange, and the dollars go to the customer's bank.

                         ┌─ executed, if only in part ─▶ BASE_TXN_COMPLETED ─ attempt 1 ─▶ TARGET_TXN_PENDING
    NEW ─▶ BASE_TXN_PENDING                                    │                             │         │
           └─ nothing executed ─▶ BASE_TXN_FAILED              └── less than a cent ─▶ FILLED ◀── paid    └─ 5 × no ─▶
                                                                                         ▲
                                                                      SELL_PAYOUT_FAILED ┘ by hand

NEW is an intent that users do not see: the hold of their coins and the id under which the exchange will know the
order are written before the exchange is asked. A definite no gives the hold back; no answer is looked up.

The machine `sell-order` moves it up to the sale, the machine `payout` from there, as it does withdrawals. A task that
finds the order elsewhere says so, and the hub beside the line reads where it is; so an execution may die anywhere, and
the next one goes on.
"""
