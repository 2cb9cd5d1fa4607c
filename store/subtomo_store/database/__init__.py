"""Tables, records and transactions."""
