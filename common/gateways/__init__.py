"""The outside world: a folder for each system, with the port in its `__init__` and its adapters beside it.

All adapters speak through one `transport`, and are asked through a `gate`, which keeps everybody from asking a system
that has told one of us to wait.
"""
