"""Ministack, with AppConfig's minutes as long as the environment says: `python -m rehearsal.servers.ministack`."""

from __future__ import annotations

import os


def main() -> None:
    """Serve until a signal ends it."""
    from ministack.app import main as serve  # noqa: PLC0415 -- it reads its settings where it is imported
    from ministack.services import appconfig  # noqa: PLC0415

    # Its bakes are of whole minutes, and nothing in it shortens them. A later release that names it otherwise must not
    # pass unnoticed: the rehearsal would only take longer.
    if not hasattr(appconfig, "_DEPLOYMENT_MINUTE_SECONDS"):
        raise RuntimeError("this ministack has no _DEPLOYMENT_MINUTE_SECONDS: look how it counts AppConfig's minutes")
    appconfig._DEPLOYMENT_MINUTE_SECONDS = float(os.environ["APPCONFIG_MINUTE_S"])  # noqa: SLF001
    serve()


if __name__ == "__main__":
    main()
