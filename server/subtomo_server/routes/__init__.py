"""The addresses of the HTTP contract, one module for each kind of thing."""
