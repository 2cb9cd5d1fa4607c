"""The expectation over particles, and the search that it makes."""
