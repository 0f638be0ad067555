"""A change that reaches far: a rollout is offered first, and everywhere at once takes the number of edges.

Every page that publishes asks here, and shows `_typed_count.html`, which names the number where it is needed.
"""

from collections.abc import Mapping

SHARE = 0.05  # of the fleet: from here on the default is a rollout
EDGES = 20


def is_wide(edges: int, fleet: int) -> bool:
    """Whether a rollout is the default: above 20 edges or 5 % of the fleet. One edge makes no waves. Pure."""
    return edges > 1 and (edges > EDGES or edges > fleet * SHARE)


def uncounted(sent: Mapping[str, str]) -> str:
    """What is said where the page asked for the number of edges and it was not typed; else empty. Pure."""
    needed = sent.get("needs_count", "")
    if needed and sent.get("count", "").strip().replace(",", "") != needed:
        return f"Type {needed}, the number of edges, to publish to all of them at once."
    return ""
