"""Ministack, less services that are cut off, and with AppConfig's minutes as long as the environment says.

python -m rehearsal.servers.ministack
"""

from __future__ import annotations

import os
from pathlib import Path

from rehearsal.servers.cut_services import CutServices


def main() -> None:
    """Serve until a signal ends it."""
    from ministack import app as stand_in  # noqa: PLC0415 -- it reads its settings where it is imported
    from ministack.services import appconfig  # noqa: PLC0415

    # Its bakes are of whole minutes, and nothing in it shortens them. A later release that names it otherwise must not
    # pass unnoticed: the rehearsal would only take longer.
    if not hasattr(appconfig, "_DEPLOYMENT_MINUTE_SECONDS"):
        raise RuntimeError("this ministack has no _DEPLOYMENT_MINUTE_SECONDS: look how it counts AppConfig's minutes")
    appconfig._DEPLOYMENT_MINUTE_SECONDS = float(os.environ["APPCONFIG_MINUTE_S"])  # noqa: SLF001
    stand_in.app = CutServices(stand_in.app, Path(os.environ["CUT_SERVICES_FILE"]))
    stand_in.main()


if __name__ == "__main__":
    main()
