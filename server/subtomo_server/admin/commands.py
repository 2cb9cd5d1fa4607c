"""What stands below ``subtomo admin``."""

from __future__ import annotations

import typer

from subtomo_server.admin import drains, groups, quotas, tokens, users
from subtomo_server.admin.clean import clean
from subtomo_server.admin.link import link
from subtomo_server.admin.verify import verify

OPTIONS = {
    "no_args_is_help": True,
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}

app = typer.Typer(
    help=(
        "Look after a service. The database is found as the server finds it: by "
        "SUBTOMO_DATABASE_URL, or in the data folder SUBTOMO_DATA."
    ),
    **OPTIONS,  # type: ignore[arg-type]
)
for room, name, words in (
    (users, "users", "People who may use the service."),
    (tokens, "tokens", "Keys of users, for scripts."),
    (groups, "groups", "People who share datasets and jobs."),
    (quotas, "quotas", "What a user may take."),
):
    app.add_typer(room.app, name=name, help=words, no_args_is_help=True)
app.command("clean")(clean)
app.command("link")(link)
app.command("verify")(verify)
drains.mount(app)
