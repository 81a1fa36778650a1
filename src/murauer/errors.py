"""The exception and the warning that are meant for the user's eyes."""


class UserError(Exception):
    """Bad input, told in one clear sentence that names the file, the value and the fix.

    The command line prints the message to stderr without a traceback and exits with code 2.
    """


class UnlikelyInput(UserWarning):
    """Input that may be meant and probably is not, told in one sentence; commands print it to stderr."""
