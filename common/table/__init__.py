"""The one table: its key schema, its items, and the only writer."""
