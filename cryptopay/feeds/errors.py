"""What can go wrong with a source. It says so in words an operator reads; nothing is priced by guessing."""

from typing import ClassVar


class SourceError(Exception):
    """No usable answer. `status` is HTTP's where there was one; `retry_seconds` what the source asked us to wait."""

    code: ClassVar[str] = "price_source_failed"

    def __init__(self, message: str, *, status: int = 0, retry_seconds: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.retry_seconds = retry_seconds
