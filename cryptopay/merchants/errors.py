"""Why a request about people, keys or customers was refused. Each has a stable `code`; `pointer` names the field."""

from typing import ClassVar


class MerchantsError(Exception):
    """Refused; nothing was written."""

    code: ClassVar[str] = "merchants_error"

    def __init__(self, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.pointer = pointer


class ScopeRefused(MerchantsError):
    """No scope at all, or one there is not."""

    code = "scope_invalid"


class ApiKeyEnded(MerchantsError):
    """The API key was revoked or has expired."""

    code = "api_key_ended"


class ReferenceRefused(MerchantsError):
    """A customer's reference has 1 to 64 visible characters, spaces only inside."""

    code = "external_ref_invalid"
