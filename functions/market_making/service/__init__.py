"""What happens to a market-making order, a module for each step:

- its money comes: `opening`, `receiving`, `paying`, and `refunding` where the payment fails;
- it is funded: `routes` and `moving` send two legs to the exchange, `crediting` counts what has arrived;
- it quotes: `quoting` begins and ends it, each tick goes through `ticking`, `order_cycle`, `cycling` and `deciding`;
  the orders of an account share `shard` and `order_rate`; what the owner asks meanwhile is `steering`;
- it stops: `closing` cancels its quotes and looks twice;
- its money goes home: `returning`, where `homecoming` says what comes and what stays, and `claiming` takes it in;
- beside all that: `sending` moves what leaves the custody, `campaigning` joins, `comparing` holds `booked` against the
  custody;
- who looks: `reading` is for the machine's hub, `opening` for the owner, `overseeing` for operators.
"""
