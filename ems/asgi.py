"""The server: body gate, fast lane, Django, edge sockets, and the lifespan around what they share.

http       Gate -> FastLane -> Django
websocket  Channels' URLRouter -> sync_api.consumer, console.live
lifespan   here; a server that sends none (daphne) starts the process with the first request
"""

import asyncio
import gc
import os
from typing import Any, cast

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ems.settings")
django_application = get_asgi_application()

# Django must be set up before anything of ours is imported.
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import re_path  # noqa: E402

from console.live.endpoint import live  # noqa: E402
from console.live.hub import hub  # noqa: E402
from doors.gate import Application, Gate, Receive, Scope, Send  # noqa: E402
from ems.starting import reason_to_refuse  # noqa: E402
from sync_api.consumer import notify, nowhere  # noqa: E402
from sync_api.fast_lane import FastLane  # noqa: E402
from sync_api.process import process  # noqa: E402

served = ProtocolTypeRouter(
    {
        "http": Gate(FastLane(cast(Application, django_application), process)),
        "websocket": URLRouter(
            [
                re_path(r"^ws/edges/(?P<edge_id>[^/]+)/notify$", cast(Any, notify)),
                re_path(r"^live$", cast(Any, live)),
                re_path(r"", cast(Any, nowhere)),
            ]
        ),
    }
)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI entry point."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    else:
        await served(scope, receive, send)


async def lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            if reason := await asyncio.to_thread(reason_to_refuse):
                await send({"type": "lifespan.startup.failed", "message": reason})
                return
            await process.ensure_started()
            # What is loaded by now stays: without this every collection walks all of Django again.
            gc.collect()
            gc.freeze()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await hub.stop()
            await process.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
