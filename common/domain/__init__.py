"""What several contexts need of the business: who owns what, what can be traded, orders at the exchange, payouts."""
