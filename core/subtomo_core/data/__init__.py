"""Particles, poses, models and statistics: what passes from call to call.

See docs/method.md#data.
"""
