"""What is kept: records in the database, files in the data folder."""

from subtomo_store.database import Store, open_store
from subtomo_store.settings import Settings

__all__ = ["Settings", "Store", "open_store"]
