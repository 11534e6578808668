"""The operations of the API as values (`wire.Call`), in the order of docs/reference/api.md."""
