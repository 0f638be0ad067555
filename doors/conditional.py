"""RFC 9110 preconditions: If-None-Match (weak comparison) and If-Match (strong comparison)."""

import re

from doors.problems import Refused

# entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE; `W` is case-sensitive (RFC 9110 8.8.3).
ENTITY_TAG = re.compile(r'\s*(W/)?("[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|\Z)')


def parse_tags(header: str) -> list[tuple[bool, str]]:
    """Reads `[W/]"tag", ...` up to the first thing that is none; empty list members are skipped."""
    tags, position = [], 0
    while position < len(header):
        if header[position] in ", \t":
            position += 1
            continue
        found = ENTITY_TAG.match(header, position)
        if found is None:
            break
        tags.append((found.group(1) is not None, found.group(2)))
        position = found.end()
    return tags


def none_match(header: str | None, etag: str) -> bool:
    """True when an If-None-Match of this value means "304, nothing new"."""
    if header is None:
        return False
    if header.strip() == "*":
        return True
    return any(tag == etag for _, tag in parse_tags(header))


def match(header: str, etag: str) -> bool:
    """True when an If-Match of this value is fulfilled by the current `etag` (a strong one)."""
    if header.strip() == "*":
        return True
    return any(tag == etag and not weak for weak, tag in parse_tags(header))


def require_match(header: str | None, etag: str) -> None:
    """For writes that must name what they replace.

    Raises: Refused 428 `if_match_required` without the header, 412 `stale` when it names another state.
    Both answers name the header to send.
    """
    if header is None:
        raise Refused(
            428,
            "if_match_required",
            f"Send If-Match with the ETag that you read. It is {etag} now.",
            headers={"ETag": etag},
            send={"If-Match": etag},
        )
    if not match(header, etag):
        raise Refused(
            412,
            "stale",
            f"Somebody changed this since you read it. It is {etag} now: read it again.",
            headers={"ETag": etag},
            send={"If-Match": etag},
        )
