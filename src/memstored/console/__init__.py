"""The console: another door of the service, for people with a browser."""
