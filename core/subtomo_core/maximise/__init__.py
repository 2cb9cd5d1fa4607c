"""The next model out of the sums of an expectation (docs/method.md#maximise)."""
