"""Why a request about webhooks was refused. Each has a stable `code`; `pointer` names the field of the request."""

from typing import ClassVar


class WebhooksError(Exception):
    """Refused; nothing was written."""

    code: ClassVar[str] = "webhooks_error"

    def __init__(self, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.pointer = pointer


class UrlRefused(WebhooksError):
    """Not a URL that events may be sent to."""

    code = "webhook_url_refused"


class EventTypeRefused(WebhooksError):
    """Not of the form `noun.verb`."""

    code = "event_type_invalid"


class TooManyEndpoints(WebhooksError):
    """A book has as many endpoints as it may."""

    code = "too_many_endpoints"


class EndpointDisabled(WebhooksError):
    """Nothing is sent to a disabled endpoint; enable it first."""

    code = "endpoint_disabled"


class SecretUnreadable(WebhooksError):
    """A stored secret was altered, or sealed under another key of the installation."""

    code = "webhook_secret_unreadable"
