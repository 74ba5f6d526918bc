"""Everything that can go wrong, as one line for stderr and an exit code."""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.exceptions import ConnectionError as AwsConnectionError
from typer.exceptions import TyperException

from cli import exits
from trueup.aws import is_passing
from trueup.domain.reading import Malformed
from trueup.errors import (
    BookConflict,
    BookInvalid,
    BookUnavailable,
    ConfigInvalid,
    PolicyConflict,
    StoreUnavailable,
    TrueupError,
    VenueClockSkew,
    VenueMaintenance,
    VenueRateLimited,
    VenueUnavailable,
)


class BadInput(Exception):
    """What was typed or given is wrong: the message names the field or file, and what is allowed."""


class NotThere(Exception):
    """Something that has to be there first is not; the message says how to get it."""


_TEMPORARY = (
    BookConflict,
    BookUnavailable,
    PolicyConflict,
    StoreUnavailable,
    VenueClockSkew,
    VenueMaintenance,
    VenueRateLimited,
    VenueUnavailable,
)
_DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation", "403"}
_CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}


def explain(error: Exception) -> tuple[str, int] | None:
    """Return the line and the exit code of an error; None for one that is a fault of ours."""
    if isinstance(error, TyperException):
        message = error.format_message()
        return f"{message} `trueup --help` lists them." if message == "Missing command." else message, exits.USAGE
    if isinstance(error, BadInput | Malformed):
        return str(error), exits.USAGE
    if isinstance(error, NotThere):
        return str(error), exits.REFUSED
    if isinstance(error, TrueupError):
        return f"{type(error).__name__}: {error}", _code_of(error)
    if isinstance(error, BotoCoreError | ClientError):
        return _explain_aws(error)
    return None


def one_line(text: str) -> str:
    """Make any text fit for one line of a terminal."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _code_of(error: TrueupError) -> int:
    if isinstance(error, ConfigInvalid | BookInvalid):
        return exits.USAGE
    return exits.TEMPORARY if isinstance(error, _TEMPORARY) else exits.REFUSED


def _explain_aws(error: BotoCoreError | ClientError) -> tuple[str, int]:
    name = type(error).__name__
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return f"{name}: no AWS credentials; sign in (aws sso login, AWS_PROFILE), or use --local", exits.REFUSED
    if isinstance(error, NoRegionError):
        return f"{name}: no AWS region; pass --region or set AWS_REGION", exits.USAGE
    if isinstance(error, ProfileNotFound):
        return f"{name}: {error}; check AWS_PROFILE", exits.USAGE
    if isinstance(error, EndpointConnectionError | HTTPClientError | AwsConnectionError):
        return f"{name}: AWS cannot be reached from here: {error}", exits.TEMPORARY
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        words = str(error.response.get("Error", {}).get("Message", ""))
        if code in _DENIED:
            return f"{code}: {error.operation_name} is not allowed: {words}", exits.REFUSED
        if code in _CREDENTIALS:
            return f"{code}: AWS does not accept these credentials; sign in again: {words}", exits.REFUSED
        return f"{code}: {error.operation_name}: {words}", exits.TEMPORARY if is_passing(error) else exits.REFUSED
    return f"{name}: {error}", exits.REFUSED
