"""The promised numbers, measured: a report, never a pass or a fail. `make bench` writes docs/benchmarks.md."""
