"""What can go wrong, as a person is told it: a status, a code and a sentence with the remedy."""

from typing import Any


class PrivityError(Exception):
    """An error that a person can act on. Messages name the thing and the remedy, and never carry client text."""

    status = 500
    code = "internal"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class BadRequest(PrivityError):
    status, code = 400, "bad_request"


class NotSignedIn(PrivityError):
    status, code = 401, "not_signed_in"


class Forbidden(PrivityError):
    status, code = 403, "forbidden"


class NotFound(PrivityError):
    """Also raised for what lies behind a wall: who may not see a thing may not learn that it exists."""

    status, code = 404, "not_found"


class Conflict(PrivityError):
    status, code = 409, "conflict"


class TooLarge(PrivityError):
    status, code = 413, "too_large"


class Unfit(PrivityError):
    """What was sent in was looked at and refused; `details["reasons"]` has every reason, each a sentence."""

    status, code = 422, "unfit"


class Busy(PrivityError):
    """The queue or a person's share is full; `details["retry_after"]` is in whole seconds."""

    status, code = 429, "busy"


class NotReady(PrivityError):
    status, code = 503, "not_ready"
