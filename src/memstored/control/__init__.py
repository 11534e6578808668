"""The loop that makes the desired state true: observe, decide, act; one worker a set."""
