"""What every context shares; it knows none of them."""
