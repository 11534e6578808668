"""A small HTTP client of the API; knows nothing of the server's own code."""

from memstored.client.client import ApiFault, Client, Unreachable

__all__ = ["ApiFault", "Client", "Unreachable"]
