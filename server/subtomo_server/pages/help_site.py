"""The documentation as a site, which the build of the package makes (``docs/site``)."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import RedirectResponse
from starlette.staticfiles import StaticFiles

from subtomo_server.http.errors import NotStoredError

SITE = Path(__file__).parent / "help"
NOT_BUILT = (
    "This installation has no pages of help, because MkDocs was not there when it was built: "
    "install again without '--no-build-isolation', or read the folder 'docs' of the repository."
)

router = APIRouter(include_in_schema=False)


@router.get("/help")
def entrance() -> RedirectResponse:
    """Lead to the first page, whose links count from its folder."""
    return RedirectResponse("/help/")


class HelpSite(StaticFiles):
    """The files of the site."""

    def __init__(self, folder: Path):
        super().__init__(directory=folder, html=True, check_dir=False)
        self.folder = folder

    async def check_config(self) -> None:
        """Check that the site was built; asked again until it is there.

        Raises
        ------
        NotStoredError
            If it was not.
        """
        if not self.folder.is_dir():
            raise NotStoredError(NOT_BUILT)
        await super().check_config()
