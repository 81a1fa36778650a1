"""The exception and the warning that are meant for the user's eyes."""

LONGEST = 1000
"""Characters of a sentence; values from files, which it may quote, can have any number."""


def printable(text: str, longest: int | None = LONGEST) -> str:
    """Text that a terminal shows as it is: control characters escaped, the middle of what is too long cut.

    Names and values from files may hold what terminals obey.
    """
    if longest is not None and len(text) > longest:
        text = f"{text[: longest // 2]} ... {text[-longest // 2 :]}"
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in "\n\t" else ascii(each)[1:-1] for each in text)


class UserError(Exception):
    """Bad input, told in one clear sentence that names the file, the value and the fix.

    The command line prints the message to stderr without a traceback and exits with code 2.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


class UnlikelyInput(UserWarning):
    """Input that may be meant and probably is not, told in one sentence; commands print it to stderr."""

    def __str__(self) -> str:
        return printable(super().__str__())
