"""The exchange: `book` matches, `venue` is its rules, `flow` its market, `fake` the port `Exchange` in process."""
