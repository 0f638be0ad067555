"""The least that an ASGI server can do: the same answer to everybody, nothing looked up."""

from typing import Any

HEADERS = [
    (b"etag", b'"1-4a3c09388c9a1a590e2ce9d1d35e58c1"'),
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Accept-Encoding, Authorization, X-API-Key, EMS-Manifest-Issued"),
]


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        return
    await receive()
    await send({"type": "http.response.start", "status": 304, "headers": HEADERS})
    await send({"type": "http.response.body"})
