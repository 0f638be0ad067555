"""Parts of addresses that have one spelling only."""


class VersionNumber:
    """A version number as versions are counted: no sign, no leading zero, at most 2^53."""

    regex = "0|[1-9][0-9]{0,15}"

    def to_python(self, text: str) -> int:
        return int(text)

    def to_url(self, number: int) -> str:
        return str(number)
