"""Nobody gets anything from the studio who should not."""

import http.client
import socket
from collections.abc import Iterator

import pytest

from murauer.errors import UserError
from murauer.studio.page.guard import MOST_MESSAGE, choose_token, serve

viser = pytest.importorskip("viser", reason="viser is not installed: pip install 'murauer[studio]'")

TOKEN = "correct-horse"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Protocol": f"viser-v{viser.__version__}",
}


@pytest.fixture(scope="module")
def open_port() -> Iterator[int]:
    server = serve("127.0.0.1", 0, None)
    yield server.get_port()
    server.stop()


@pytest.fixture(scope="module")
def closed_port() -> Iterator[int]:
    server = serve("127.0.0.1", 0, TOKEN)
    yield server.get_port()
    server.stop()


def ask(port: int, path: str = "/", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Ask for something; with status 101 the web socket was opened."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(
            "GET", path, headers={key.replace("_", "-"): value for key, value in headers.items()}
        )
        answer = connection.getresponse()
        body = b"" if answer.status == 101 else answer.read()
        return answer.status, dict(answer.getheaders()), body
    finally:
        connection.close()


def test_this_machine_needs_no_token(open_port: int) -> None:
    status, _, body = ask(open_port)
    assert status == 200 and b"<html" in body[:2000].lower()
    assert ask(open_port, **UPGRADE)[0] == 101
    assert ask(open_port, Origin=f"http://127.0.0.1:{open_port}", **UPGRADE)[0] == 101
    assert ask(open_port, Host=f"localhost:{open_port}")[0] == 200


@pytest.mark.parametrize("upgrade", [{}, UPGRADE], ids=["page", "socket"])
def test_pages_of_others_in_the_same_browser_get_nothing(open_port: int, upgrade: dict[str, str]) -> None:
    assert ask(open_port, Origin="https://elsewhere.example", **upgrade)[0] == 403
    assert ask(open_port, Origin=f"http://127.0.0.1:{open_port + 1}", **upgrade)[0] == 403
    # A name that was made to point to 127.0.0.1 is not this machine's.
    assert ask(open_port, Host=f"elsewhere.example:{open_port}", **upgrade)[0] == 403


@pytest.mark.parametrize("upgrade", [{}, UPGRADE], ids=["page", "socket"])
@pytest.mark.parametrize("cookie", [None, "wrong", "", TOKEN[:-1], TOKEN + "x"])
def test_nothing_without_the_token(closed_port: int, upgrade: dict[str, str], cookie: str | None) -> None:
    headers = dict(upgrade) if cookie is None else upgrade | {"Cookie": f"murauer_{closed_port}={cookie}"}
    status, _, body = ask(closed_port, **headers)
    assert status == 401 and len(body) < 1000
    assert ask(closed_port, f"/?token={cookie or ''}", **headers)[0] == 401


def test_the_token_opens_page_and_socket(closed_port: int) -> None:
    status, headers, _ = ask(closed_port, f"/?token={TOKEN}")
    assert status == 303 and headers["Location"] == "/"
    assert {"HttpOnly", "SameSite=Strict"} <= set(headers["Set-Cookie"].split("; "))
    cookie = headers["Set-Cookie"].split(";")[0]
    status, _, body = ask(closed_port, Cookie=cookie)
    assert status == 200 and b"<html" in body[:2000].lower()
    assert ask(closed_port, Cookie=cookie, **UPGRADE)[0] == 101
    assert ask(closed_port, Cookie=cookie, Origin="https://elsewhere.example", **UPGRADE)[0] == 403


def test_other_addresses_ask_for_a_token() -> None:
    assert all(choose_token(host, None) is None for host in ("127.0.0.1", "localhost", "::1"))
    first, second = choose_token("0.0.0.0", None), choose_token("192.168.0.7", None)
    assert first and second and first != second and min(len(first), len(second)) >= 32
    assert choose_token("127.0.0.1", "long-enough") == "long-enough"
    for bad in ("short", "with blank in it", "semicolon;;;"):
        with pytest.raises(UserError, match="--token"):
            choose_token("0.0.0.0", bad)


def test_ports_that_are_taken() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(UserError, match="another --host or --port"),
    ):
        serve("127.0.0.1", taken.getsockname()[1], None)


def test_a_server_that_could_not_be_guarded_is_not_left_running(monkeypatch: pytest.MonkeyPatch) -> None:
    """If viser ever serves by other means than the one that is guarded."""
    stopped = []

    class Unguarded:
        def __init__(self, port: int, **_: object) -> None:
            self.port = port

        def get_port(self) -> int:
            return self.port

        def stop(self) -> None:
            stopped.append(self.port)

    monkeypatch.setattr(viser, "ViserServer", Unguarded)
    with pytest.raises(UserError, match="as intended"):
        serve("127.0.0.1", 0, None)
    assert len(stopped) == 1


@pytest.mark.parametrize(
    "headers",
    [{"Host": "["}, {"Origin": "http://["}, {"Host": "127.0.0.1:99999999"}, {"Cookie": "=;;="}],
    ids=["host", "origin", "port", "cookie"],
)
def test_requests_that_no_browser_makes_are_refused(closed_port: int, headers: dict[str, str]) -> None:
    assert ask(closed_port, **headers)[0] in (400, 401, 403)
    assert ask(closed_port, "/?" + "a=b&" * 100, **headers)[0] == 400
    assert ask(closed_port, f"/?token={TOKEN}")[0] == 303


def test_messages_of_browsers_are_small(open_port: int) -> None:
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    with connect(
        f"ws://127.0.0.1:{open_port}", subprotocols=[UPGRADE["Sec-WebSocket-Protocol"]], max_size=None
    ) as socket_:
        with pytest.raises(ConnectionClosed) as end:
            socket_.send(bytes(MOST_MESSAGE + 1))
            while True:
                socket_.recv(timeout=20)
        assert end.value.rcvd is not None and end.value.rcvd.code == 1009  # too big
    assert ask(open_port)[0] == 200
