"""Locks: paths of an upper layer that the layers below may not touch."""

from configs.planning import Plan


def check(plan: Plan) -> None:
    """Errors: ChangeRefused for every touch of a locked path that this change makes or locks over."""
