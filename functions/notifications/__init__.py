"""Notifications: a customer registers where his program listens, and it is told what becomes of his orders, signed as
Standard Webhooks say, again and again for three days, until it says that it has understood.

A change of an order is in the table's stream; it becomes a delivery for each endpoint that asked for it, and a round
each minute makes what is due (docs/decisions/0052).
"""
