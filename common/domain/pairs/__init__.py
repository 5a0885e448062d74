"""What may be quoted at which exchange, with how much at least, and for what fee."""
