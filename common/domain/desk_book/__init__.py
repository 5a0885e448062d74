"""The desk's own book buys what customers sell and the exchange takes no lot of: within a limit per asset and day
(UTC), whoever sells, which is a condition of the write that buys. What it has bought is a line of the desk's account.
"""
