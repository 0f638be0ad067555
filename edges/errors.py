"""What the use cases of `edges` refuse, each with a stable code. Doors translate them once.

EdgesError
|- Unauthenticated        the credential does not hold, whatever the reason
|- Suspended              it holds, but edge, site or organization is not active
|- EnrollTokenInvalid     unknown, used and expired alike
|- LastKeyError           the edge's only live key, and cutting it off was not asked for
|- RetiredError           a retired edge gets nothing new
|- TakenError             the id or code is in use; says no more
|- LastOwnerError         an organization keeps one owner
|- SecondFactorRefused    the code does not fit, or the second factor may not change now
|- InvitationInvalid      unknown, used, revoked and expired alike
|- BeyondRoleError        nobody gives what they do not have
|- ValueRefusedError      a value that no form accepts: field and detail
`- RowsRefusedError       of many rows, those that are wrong: (row, field, detail) each
"""

from collections.abc import Sequence


class EdgesError(Exception):
    """Base of all; `code` is the stable name, the text is for people."""

    code = "invalid"


class Unauthenticated(EdgesError):  # noqa: N818 - an answer to a stranger, not a fault
    code = "unauthenticated"


class Suspended(EdgesError):  # noqa: N818 - as above
    code = "suspended"


class EnrollTokenInvalid(EdgesError):  # noqa: N818 - as above
    code = "enroll_token_invalid"


class LastKeyError(EdgesError):
    code = "last_key"


class RetiredError(EdgesError):
    code = "retired"


class TakenError(EdgesError):
    code = "taken"


class LastOwnerError(EdgesError):
    code = "last_owner"


class SecondFactorRefused(EdgesError):  # noqa: N818 - an answer, not a fault
    code = "second_factor_refused"


class InvitationInvalid(EdgesError):  # noqa: N818 - as above
    code = "invitation_invalid"


class BeyondRoleError(EdgesError):
    code = "beyond_role"


class ValueRefusedError(EdgesError):
    """`field` names the value as the API does."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


class RowsRefusedError(EdgesError):
    """`rows`: (position from 0, field, detail), in the order of the rows."""

    def __init__(self, rows: Sequence[tuple[int, str, str]]) -> None:
        super().__init__(f"{len(rows)} of the rows cannot be taken; nothing was added.")
        self.rows = list(rows)
