"""The worker: Celery tasks that call the core and write to the store."""
