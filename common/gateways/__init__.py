"""The outside world: a folder for each system, with the port in its `__init__` and its adapters beside it.

All adapters speak through one `transport`.
"""
