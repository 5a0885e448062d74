"""What runs in Lambda: a package for each bounded context; they never import each other."""
