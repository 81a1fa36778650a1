"""Who may see the studio: programs on this machine; from elsewhere, whoever has the token.

viser answers everybody who reaches its port. Here every request, of the page as of its web socket, is
looked at first. Without a token the studio listens on the loopback address alone and answers only requests
that were addressed to it and come from its own page: a page of another site in the same browser can connect
to 127.0.0.1, but not under its name. With a token, nothing is answered without it; the browser gets it as a
cookie that other sites cannot use.
"""

import functools
import hmac
import http
import io
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from murauer.errors import UserError

if TYPE_CHECKING:
    from viser import ViserServer
    from websockets.http11 import Request, Response

LOOPBACK = ("127.0.0.1", "localhost", "::1")
TOKEN_BYTES = 24
MOST_FIELDS = 20
"""Of an address."""

MOST_MESSAGE = 2**20
"""Bytes of a message from a browser, which tells of clicks and places; there is nothing to upload."""

ASK = b"""<!doctype html><meta charset="utf-8"><title>murauer studio</title>
<body style="font: 16px sans-serif; margin: 3em"><h1>murauer studio</h1>
<form>Token, as the terminal shows it: <input name="token" autofocus autocomplete="off">
<button>Open</button></form>
"""


@dataclass(frozen=True)
class Guard:
    """The rule by which requests are answered.

    Attributes:
        port: That is listened on.
        token: That is asked for; None on the loopback address.
    """

    port: int
    token: str | None

    @property
    def cookie(self) -> str:
        """Name of the cookie; browsers do not tell ports apart."""
        return f"murauer_{self.port}"

    def refusal(self, request: "Request") -> "Response | None":
        """What to answer instead of what was asked for; None if it may be answered."""
        try:
            return self._judge(request)
        except (ValueError, KeyError):  # no address, or a header twice
            return _response(http.HTTPStatus.BAD_REQUEST, b"This is no request that browsers make.\n")

    def _judge(self, request: "Request") -> "Response | None":
        host = urlsplit("//" + request.headers.get("Host", ""))
        origin = request.headers.get("Origin")
        query = parse_qs(urlsplit(request.path).query, max_num_fields=MOST_FIELDS)
        if origin is not None and urlsplit(origin).netloc != host.netloc:
            return _response(http.HTTPStatus.FORBIDDEN, b"This page may not talk to the studio.\n")
        if self.token is None:
            if host.hostname not in LOOPBACK:
                return _response(http.HTTPStatus.FORBIDDEN, b"The studio answers to localhost only.\n")
            return None
        given = query.get("token", [""])[0]
        if _equal(given, self.token):
            cookie = f"{self.cookie}={self.token}; HttpOnly; SameSite=Strict; Path=/"
            return _response(http.HTTPStatus.SEE_OTHER, b"", {"Location": "/", "Set-Cookie": cookie})
        if _equal(_cookie(request, self.cookie), self.token):
            return None
        return _response(http.HTTPStatus.UNAUTHORIZED, ASK, {"Content-Type": "text/html; charset=utf-8"})


def choose_token(host: str, given: str | None) -> str | None:
    """The token to ask for: the given one, or a new one if others than this machine can connect.

    Raises:
        UserError: The given one cannot be part of an address.
    """
    if given is not None:
        if len(given) < 8 or not all(
            letter.isascii() and (letter.isalnum() or letter in "-_") for letter in given
        ):
            raise UserError("--token needs at least 8 letters, digits, - and _, or leave it away to get one")
        return given
    return None if host in LOOPBACK else secrets.token_urlsafe(TOKEN_BYTES)


def serve(host: str, port: int, token: str | None) -> "ViserServer":
    """Start the web server of the page, guarded.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 for any that is free.
        token: That is asked for; None if only this machine can connect.

    Raises:
        UserError: The address cannot be used.
    """
    import viser  # extra

    port = _free_port(host, port)
    # viser announces itself on stdout, without the token that the address needs.
    with _guarded(Guard(port, token)) as guarded, redirect_stdout(io.StringIO()):
        server = viser.ViserServer(host=host, port=port, label="murauer", verbose=False)
    if not guarded() or server.get_port() != port:
        # viser takes another port where one is busy, and may one day serve in another way than is guarded.
        server.stop()
        raise UserError(f"could not listen on {host}:{port} as intended; choose another with --port")
    return server


@contextmanager
def _guarded(guard: Guard) -> Iterator[Callable[[], bool]]:
    """Have the guard look at all requests to servers that are started meanwhile.

    viser has no hook for this; it starts its server by this function of websockets.

    Yields:
        A function that tells whether a server is guarded.
    """
    import websockets.asyncio.server as library  # extra

    original, started = library.serve, False

    @functools.wraps(original)
    def guarded_serve(*arguments: Any, process_request: Any, max_size: int, **others: Any) -> Any:
        nonlocal started
        started = True

        def look_first(connection: Any, request: "Request") -> Any:
            refusal = guard.refusal(request)
            return process_request(connection, request) if refusal is None else refusal

        size = min(max_size, MOST_MESSAGE)
        return original(*arguments, process_request=look_first, max_size=size, **others)

    library.serve = guarded_serve  # type: ignore[assignment, misc]
    try:
        yield lambda: started
    finally:
        library.serve = original  # type: ignore[misc]


def _free_port(host: str, port: int) -> int:
    """Check that a port can be listened on, or find one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(
                f"cannot listen on {host}:{port} ({reason}); choose another --host or --port"
            ) from error
        found: int = probe.getsockname()[1]
        return found


def _cookie(request: "Request", name: str) -> str:
    try:
        morsel = SimpleCookie(request.headers.get("Cookie", "")).get(name)
    except CookieError:
        return ""
    return "" if morsel is None else morsel.value


def _equal(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


def _response(status: http.HTTPStatus, body: bytes, headers: dict[str, str] | None = None) -> "Response":
    from websockets import Headers  # extra
    from websockets.http11 import Response  # extra

    fields = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store", **(headers or {})}
    fields |= {"Content-Length": str(len(body)), "Connection": "close"}
    return Response(status, status.phrase, Headers(**fields), body)
