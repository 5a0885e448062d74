"""What tests stand on: DynamoDB and Step Functions in memory, all that goes wrong around them, and what it costs.
README.md tells where to look."""
