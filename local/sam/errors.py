"""What can go wrong with `make sam-local`. Every message is one line that says what to do next."""


class SamLocalError(Exception):
    """Base of what is below; the command prints its message and exits with `code`."""

    code: int


class WrongArgument(SamLocalError):
    """FUNCTION or EVENT is missing, or names nothing there is."""

    code = 64


class NotReady(SamLocalError):
    """Something has to be there first: Docker, the local cloud, the SAM CLI, the build."""

    code = 69
