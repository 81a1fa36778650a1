"""Text from files on the page: shown as it is.

viser renders Markdown as MDX, in which braces hold programs that the browser runs, and tags are tags.
"""

from murauer.errors import printable


def literal(text: str) -> str:
    """Markdown that shows a text letter by letter: all but letters, digits and blanks become references."""
    shown = " ".join(printable(text).split())
    return "".join(
        each if each.isalnum() or each == " " else f"&#{ord(each)};" for each in shown if each.isprintable()
    )
