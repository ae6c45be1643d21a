"""Evidently's own UI on the workspace, fit to stand below a path of another server."""

import importlib.resources
import re
import shutil
from pathlib import Path
from typing import Any

from pipelines.core.errors import WeaverError
from pipelines.core.files import memoize_dir, write_text
from pipelines.core.settings import settings
from pipelines.monitoring.drift import evidently_workspace


def application(prefix: str) -> Any:
    """The ASGI application, which takes paths without the prefix; imports Evidently, which takes seconds.

    Args:
        prefix: where browsers find it, such as `/drift`.
    """
    import evidently
    from evidently.ui.service.api.static import assets_router
    from evidently.ui.service.app import create_app, get_config
    from evidently.ui.service.local_service import LocalServiceComponent

    pages = front_end(prefix, evidently.__version__)

    class Below(LocalServiceComponent):
        def get_route_handlers(self, ctx: Any) -> list[Any]:
            return [assets_router(str(pages))]

    evidently_workspace.folder().mkdir(parents=True, exist_ok=True)
    config = get_config(workspace=str(evidently_workspace.folder()))
    config.service = Below()
    config.telemetry.enabled = False
    return create_app(config)


def front_end(prefix: str, version: str) -> Path:
    """A copy of Evidently's pages that asks for everything below the prefix; as they come, they ask for it at `/`."""
    router, api, scripts = "basename:void 0,", 'baseUrl:"/"', 'return"/"+'

    def build(folder: Path) -> None:
        original = importlib.resources.files("evidently.ui.service") / "assets"
        shutil.copytree(str(original), folder, dirs_exist_ok=True)
        index = folder / "index.html"
        script = re.findall(r'src="/(.+?\.js)"', index.read_text())
        move(folder / script[0], {router: f'basename:"{prefix}",', api: api.replace("/", f"{prefix}/")})
        move(folder / script[0], {scripts: scripts.replace("/", f"{prefix}/")})
        move(index, {'="/': f'="{prefix}/'})

    return memoize_dir(settings().home / "monitoring" / f"pages-{version}{prefix.replace('/', '-')}", build)


def move(file: Path, roots: dict[str, str]) -> None:
    """Put each second text for the first.

    Raises:
        WeaverError: a first one is not there: this is another Evidently.
    """
    text = file.read_text(encoding="utf-8")
    for root, below in roots.items():
        if root not in text:
            raise WeaverError(f"{file.name} of Evidently has no {root!r}", "Install the locked packages: make install")
        text = text.replace(root, below)
    write_text(file, text)
