"""One particle against one reference: observation, search and posterior.

See docs/method.md#likelihood.
"""
