"""Jobs: their records, iterations and tasks, and which task comes next."""
