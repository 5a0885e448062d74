"""Dealer billing: what a dealer owes for the cars that he bought, and what he has paid of it."""
