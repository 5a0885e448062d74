"""What operators look after: the catalogue, what is unfinished, who did what by hand, and whether the books balance."""
