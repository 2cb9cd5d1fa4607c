"""The store: records in the database, files in the data folder."""

from subtomo_store.config.settings import Settings
from subtomo_store.database.engine import Store, open_store

__all__ = ["Settings", "Store", "open_store"]
