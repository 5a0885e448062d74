"""Documents and pictures drawn from the code."""
