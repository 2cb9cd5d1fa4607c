"""Builds the documentation as a site into the server's pages when the package is built."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SITE = "server/subtomo_server/pages/help"


class HelpSite(BuildHookInterface):
    """Build hook of wheels and editable installs."""

    PLUGIN_NAME = "custom"

    def initialize(self, *_: object) -> None:
        """Build the site; without MkDocs go on without one, which the service then says."""
        shutil.rmtree(Path(self.root, SITE), ignore_errors=True)
        os.environ["NO_MKDOCS_2_WARNING"] = "1"
        try:
            from mkdocs.commands.build import build  # noqa: PLC0415
            from mkdocs.config import load_config  # noqa: PLC0415
        except ImportError:
            self.app.display_warning("MkDocs is not installed: the service has no pages of help.")
            return
        # A broken link keeps nobody from an installation: the continuous integration looks.
        build(load_config(str(Path(self.root, "mkdocs.yml")), strict=False))
