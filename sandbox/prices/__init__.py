"""The price source: `oracle` is its rules, `face` its wire, `python -m sandbox.prices` runs it."""
