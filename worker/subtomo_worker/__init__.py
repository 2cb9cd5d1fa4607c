"""The worker: Celery tasks which call the core and write to the store."""
