"""The expectation over particles, and the search that it makes (docs/method.md#expect)."""
