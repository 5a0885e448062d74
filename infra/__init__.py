"""The one place that knows AWS as a whole: the stack, drawn from the key schema and the contexts."""
