"""What can be asked of purchases: `purchasing` by customers and the clock, `batches` by the machine and operators."""
