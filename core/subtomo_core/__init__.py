"""Numbers of subtomogram averaging: arrays in, arrays out. Knows no database, web or queue."""
