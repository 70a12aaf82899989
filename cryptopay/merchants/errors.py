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
    """The API key was revoked, has expired, or was rotated: there is a newer one."""

    code = "api_key_ended"


class ScopeExceeded(MerchantsError):
    """A program gives no right that its own key lacks, and ends no key that has more; a person none they lack."""

    code = "scope_exceeded"


class ExpiryRefused(MerchantsError):
    """In the past, or after the end of the key that asks."""

    code = "key_expiry_invalid"


class ReferenceRefused(MerchantsError):
    """A customer's reference has 1 to 64 visible characters, spaces only inside."""

    code = "external_ref_invalid"


class TeamRefused(MerchantsError):
    """Who asked may not change the team so."""

    code = "team_refused"


class InvitationEnded(MerchantsError):
    """The invitation was used, withdrawn, has expired, or is for somebody else."""

    code = "invitation_ended"
