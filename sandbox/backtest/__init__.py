"""What an order would have done: its own strategy, slots and cycles on a tape of prints, in seconds and without a desk.

    tape      what happened in a market: seeded, or recorded
    paper     an account of an exchange that lives off a tape: the port `Maker`, with a light model of fills
    running   an order's cycles on it, one after another
    measuring what came of them
    drawing   and how it looks

Of the sandbox this is the one room that knows the desk: it runs what ships, so that what it finds is true of that.
"""
