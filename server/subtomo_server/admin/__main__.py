"""``python -m subtomo_server.admin``."""

from subtomo_server.admin import app

app(prog_name="subtomo admin")
