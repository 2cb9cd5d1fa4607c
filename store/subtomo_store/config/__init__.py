"""Settings and logging of a service."""
