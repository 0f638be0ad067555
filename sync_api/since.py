"""The one number that a delta is asked by."""

import re

from doors.problems import Refused

NUMBER = re.compile(r"\A(?:0|[1-9][0-9]{0,15})\Z")


def parse_since(since: list[str], v: list[str]) -> int:
    """`?since=N` or its alias `?v=N`: exactly one of them, exactly once.

    Raises: Refused 400 `bad_since`.
    """
    given = since + v
    if len(given) != 1 or not NUMBER.match(given[0]):
        raise Refused(
            400, "bad_since", "Send the version that you hold as since=<number>, once, without leading zeros."
        )
    return int(given[0])
