"""What callers may ask of sets: each write of API.md section 2 as a pure function.

Every one takes the set as it is and gives the set as it will be, with the audit lines that belong to
it, or raises the fault that says why not. Nothing here reads a clock, a store or a node.
"""
