"""Orders of the desk at the exchange (the seed's ZL), for whatever has one placed: a cash-out, a batch of purchases.

    SENT ─┬─▶ OPEN ─┬─▶ FINAL                       the exchange has said what became of it
          │         └─▶ LOST ─┐                     it has forgotten an order that it had accepted
          ├─▶ NEVER ──────────┼─▶ ABSENT            asked late enough, it does not have the order
          │                   └─▶ TURNED_UP ─▶ DEALT_WITH     it has it after all; a person sees to that
          └─▶ REFUSED                               its definite no

An exchange order is written before the exchange is asked, with the id that the exchange will know it by, and the
exchange is asked once. What is not answered is looked up by that id. The exchange never had the order if two looks, at
least 60 s after sending and 10 s apart, do not find it; ten minutes later a last look follows. What an exchange
says is believed within the bounds that were stored with the order, and what is not is a person's at once; evidence that
operators give decides where the exchange gives no answer that can be believed. Every move is
conditional on the state before it and lands together with what it means for the parent order (`service.ParentOrder`).
What is seen of an order that is REFUSED or ABSENT, for which its parent does not wait, is a case of its own (`strays`).
"""
