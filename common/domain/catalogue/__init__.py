"""What can be traded, and at what price: the catalogue of assets and the latest quotation of each."""
