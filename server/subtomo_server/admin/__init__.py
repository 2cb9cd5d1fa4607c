"""``subtomo admin``: looking after a service."""
