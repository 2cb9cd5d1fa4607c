"""Images of a tilt series: components, contrast transfer, and sums with weights.

See docs/method.md#imaging.
"""
