"""A campaign of faults against a whole service under load, each many times, each promise checked.

One file a kind of fault. `trial.py` is the stage, `promise.py` the judge, `kinds.py` the list.
"""
