"""One Redis node, over the wire."""
