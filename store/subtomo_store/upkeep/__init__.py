"""Retention, files without a record, and the state of the service in numbers."""
