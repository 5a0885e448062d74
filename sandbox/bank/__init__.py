"""The bank: `bank` is its rules, `webhooks` its sender of events, `face` its wire, `python -m sandbox.bank` runs it."""
