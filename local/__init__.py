"""The whole desk on this machine: what `make up`, `make down` and `make demo` do."""
