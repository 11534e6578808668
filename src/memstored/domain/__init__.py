"""Facts, states, rules and decisions about a set. Pure: the standard library only, and none of its I/O."""
