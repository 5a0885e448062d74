"""Orders of the desk at the exchange (the seed's ZL), for whatever has one placed: a cash-out, a batch of purchases.

    SENT ─┬─▶ OPEN ─┬─▶ FINAL                       the exchange has said what became of it
          │         └─▶ LOST ─┐                     it has forgotten an order that it had accepted
          ├─▶ NEVER ──────────┼─▶ ABSENT            asked late enough, it does not have the order
          │                   └─▶ TURNED_UP ─▶ DEALT_WITH     it has it after all; a person sees to that
          └─▶ REFUSED                               its definite no

An exchange order is written before the exchange is asked, with the id that the exchange will know it by, and the
exchange is asked to place it once. Where no answer comes, the order is looked up by that id. The exchange never had the
order if two looks, at least 60 s after sending and 10 s apart, do not find it; ten minutes later a last look follows.

What an exchange reports is believed within the bounds that were stored with the order. A person has to look at once at
what is not believed. Where the exchange gives no answer that can be believed, evidence that two operators give decides.

Every move is conditional on the status before it, and lands in one transaction with what it means for the parent
(`service.ParentOrder`). The parent of an order that is REFUSED or ABSENT waits for it no more: what the exchange turns
out to have of it is a stray, a case of its own (`strays`).
"""
