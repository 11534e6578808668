"""Where nodes live: the protocol and its implementations."""
