"""Who is calling: the protocol and the embedded issuer."""
