"""The service's own state: health, metrics, and reads that share a transaction."""
