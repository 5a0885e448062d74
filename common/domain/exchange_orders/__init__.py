"""Orders of the desk at the exchange (the seed's ZL): each is written down, with the id that the exchange knows it by,
before the exchange is asked for it, which happens once. An order of ours may have had several, one after another, of
which at most one exists."""
