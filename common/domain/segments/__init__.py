"""Which cars dealers may bid on, for which deposit."""
