"""Payouts: dollars that are held for a customer go to his account at the bank (the seed's second half of a cash-out).

    CreatePayout ─▶ AwaitPayout ─▶ Paid

A cash-out hands over to the machine `payout` when its sale is written, a withdrawal begins there. The bank tells by
webhook what became of an attempt; whatever ends the machine's wait, the table is the truth. After five rejections an
operator decides: one more attempt, paid by another way, or back to the customer's balance. `common.domain.payouts` has
the rules.
"""
