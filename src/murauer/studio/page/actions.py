"""What a person can do, each as a button, a key and an entry of the page's command palette."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from murauer.errors import UserError
from murauer.studio.page.worker import Task, Worker
from murauer.text_files import FARTHEST

if TYPE_CHECKING:
    from viser import ViserServer

KEY_NAMES = {"space": "Space", "enter": "Enter", "delete": "Del", "home": "Home", "end": "End"}


class Actions:
    """Binds what is done on the page to what the worker does.

    viser moves its camera by W, A, S, D, Q, E and the arrows; other keys are free.

    Args:
        server: Server of the page.
        worker: Does it.
        then: Called after everything that was done.
    """

    def __init__(self, server: "ViserServer", worker: Worker, then: Task) -> None:
        self._server = server
        self._worker = worker
        self._then = then

    def perform(self, act: Task, name: str | None = None) -> None:
        """Have something done by the worker; what cannot be done is told on the page.

        Args:
            act: What.
            name: See `Worker.post`.
        """

        def attempt() -> None:
            try:
                act()
            except UserError as error:
                self.tell(str(error))
            self._then()

        self._worker.post(attempt, name)

    def tell(self, text: str) -> None:
        """Show a sentence on the page of everybody who looks at it."""
        for client in self._server.get_clients().values():
            client.add_notification("murauer", text, auto_close_seconds=8.0)

    def key(self, label: str, key: str, act: Task, modifier: str | None = None) -> None:
        """Bind a key."""
        command = self._server.gui.add_command(label, hotkey=key, modifier=modifier)  # type: ignore[arg-type]
        command.on_trigger(lambda _: self.perform(act))

    def button(self, label: str, key: str | None, act: Task, modifier: str | None = None) -> Any:
        """Add a button here, and bind a key to the same; returns the button."""
        hint = None
        if key is not None:
            hint = f"{'Ctrl+' if modifier else ''}{KEY_NAMES.get(key, key)}"
            self.key(label, key, act, modifier)
        button = self._server.gui.add_button(label if hint is None else f"{label} ({hint})")
        button.on_click(lambda _: self.perform(act))
        return button

    def buttons(self, label: str, acts: Mapping[str, tuple[str, Task]], modifier: str | None = None) -> None:
        """Add buttons in a row, and bind a key to each.

        Args:
            label: Names the keys.
            acts: Key and what it does under the name of the button.
            modifier: Modifier of all keys.
        """
        for name, (key, act) in acts.items():
            self.key(name, key, act, modifier)
        row = self._server.gui.add_button_group(label, tuple(acts))
        row.on_click(lambda event: self.perform(acts[event.target.value][1]))

    def value(self, handle: Any, act: Callable[[Any], object], name: str | None = None) -> Any:
        """Have a function called with the value of an input when a person changes it; returns the input."""
        legal = _Legal(handle)

        @handle.on_update  # type: ignore[untyped-decorator]  # viser's handles come as Any
        def _(event: Any) -> None:
            if event.client is not None:  # else the program set it
                self.perform(lambda: act(legal.checked(handle.value)), name)

        return handle


class _Legal:
    """What the value of an input may be: viser takes over whatever a browser sends.

    Args:
        handle: The input, as it was made.
    """

    def __init__(self, handle: Any) -> None:
        self._options = getattr(handle, "options", None)
        self._least = getattr(handle, "min", None)

    def checked(self, value: Any) -> Any:
        """Return a value.

        Raises:
            UserError: The input cannot have it.
        """
        numbers = value if isinstance(value, tuple) else (value,)
        if self._options is not None:
            fine = value in self._options
        elif isinstance(value, bool):
            fine = True
        else:
            fine = all(abs(each) <= FARTHEST for each in numbers) and (
                self._least is None or value >= self._least
            )
        if not fine:
            raise UserError(f"this cannot be {value}: the page is older than the program; load it again")
        return value
