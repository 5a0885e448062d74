"""HuFi: campaigns that pay market makers, the login by a signature, and volume counted from their own trades."""
