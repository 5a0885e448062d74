"""The outside world, for tests, the local stack and the demo. It never ships: the product does not import it.

A folder for each system: its rules in plain Python, which unit tests use as the fake, and a face in front of
them that speaks the system's real wire over HTTP.
"""
