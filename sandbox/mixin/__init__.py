"""Mixin Safe, simulated: what it keeps for its members, and its wire."""
