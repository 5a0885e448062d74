"""What can be asked of purchases: `purchasing` and `recurring` by customers and the clock, `batches` by the machine and
operators."""
