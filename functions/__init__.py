"""What runs in Lambda: a package for each bounded context; they never import each other."""

import gc

# Starting makes many objects and throws none away: looking among them for garbage, as often as Python would by itself,
# takes a twentieth of a cold start. A request makes a few thousand.
gc.set_threshold(50_000)
