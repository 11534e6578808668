"""The use cases: check against the rules, write the desired state, wake the loop."""
