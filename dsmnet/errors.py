"""What a user can get wrong, as exceptions whose message is written for that user."""


class UserError(Exception):
    """A mistake in what the user gave; the message names the file or option and says what was expected.

    The command-line tools print the message alone and end with status 1.
    """


class DataError(UserError):
    """A data set is missing, half copied or inconsistent."""


class MissingDataError(DataError):
    """A data set is not there at all: its folder does not exist."""


class FormatError(DataError):
    """A file cannot be read as the format it should have."""


class ShapeError(UserError, ValueError):
    """Two arrays do not fit together; the message holds both shapes."""
