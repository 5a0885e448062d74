"""Who owns what: USD balances, asset balances and the journal of what moved them.

The only code that changes a balance. Every change is a `Write` whose condition is the rule, for a transaction that
a context commits together with its own items; conservation and the rebuild from the journal stand on that.
"""
