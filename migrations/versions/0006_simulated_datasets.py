"""What is to be simulated of a dataset whose particles are made by the server."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("datasets", sa.Column("simulation", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("datasets", "simulation")
