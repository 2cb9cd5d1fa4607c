"""Job specifications and what they are made of: no numerics, so that a server starts fast."""
