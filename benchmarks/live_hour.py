"""Is the live page right for an hour, whatever the camera does: is memory flat, and no frame mixed?

    OMP_NUM_THREADS=1 python benchmarks/live_hour.py [--minutes 60] [--clients 3] [--rate 3] [--seed 0]

Starts `murauer studio --live` and a camera that stalls, starts again and sends nonsense (`bad_sender.py`).
Clients speak the page's protocol. Frames carry their number (`numbered_frames.py`), so each client sees,
after all that it is told together, whether picture, points, joints, table and time are of one frame, and
whether frames come in order (`live_watcher.py`).

Prints what happened, and the memory of the server: a line through what comes after the first fifth.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bad_sender import TIMEOUT_S, BadSender
from live_watcher import Seen, Watcher
from memory import Series, resident_bytes
from numbered_frames import NumberedFrames

MOST_GROWTH_MB = 10.0
"""Memory that is flat grows by less in an hour; allocators keep a little of what is freed now and then."""


@dataclass(frozen=True)
class Hour:
    """What came of it.

    Attributes:
        seen: By the clients.
        incidents: What the camera did.
        sent: Frames.
        memory: Of the server, by seconds.
        open_files: Of the server, likewise.
        code: Exit code of the server, after SIGTERM.
    """

    seen: Seen
    incidents: Counter[str]
    sent: int
    memory: Series
    open_files: list[int]
    code: int

    @property
    def well(self) -> bool:
        """Whether all is as it should be."""
        flat = self.memory.growth()["growth_megabytes"] < MOST_GROWTH_MB
        return flat and not self.seen.faults and not self.code and self.seen.hands > 0


async def live(
    script: Callable[[BadSender, Seen], Awaitable[None]],
    clients: int = 3,
    rate: float = 3.0,
    seed: int = 0,
    stay_s: float = 60.0,
) -> Hour:
    """Let it all run.

    Args:
        script: What the camera does.
        clients: Their number.
        rate: Frames a second.
        seed: Of what goes wrong when.
        stay_s: How long those clients stay that come and go.
    """
    frames = NumberedFrames()
    sender, seen = BadSender(frames, rate, seed), Seen()
    start = asyncio.create_task(sender.well(3600))
    program = [sys.executable, "-m", "murauer", "studio", "--live", f"{sender.address}?timeout={TIMEOUT_S}"]
    server = subprocess.Popen([*program, "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        address = (await asyncio.to_thread(server.stdout.readline)).split()[0]
        start.cancel()
        memory, open_files = Series([], []), list[int]()
        tasks = [asyncio.create_task(_measure(server.pid, memory, open_files, seen))]
        for index in range(clients):
            watcher = Watcher(index, address, sender, frames, seen)
            tasks.append(asyncio.create_task(watcher.watch(stay_s)))
        await script(sender, seen)
        for task in tasks:
            if task.done():
                task.result()  # an error: none of them has an end
            task.cancel()
        server.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(server.wait, 60)
    finally:
        server.kill()
    return Hour(seen, sender.incidents, len(sender.times), memory, open_files, code)


async def _measure(process: int, memory: Series, open_files: list[int], seen: Seen) -> None:
    """Look at the server every second, and tell every minute."""
    began = time.monotonic()
    while True:
        memory.done.append(round(time.monotonic() - began))
        memory.resident.append(resident_bytes(process))
        open_files.append(len(os.listdir(f"/proc/{process}/fd")))
        if len(open_files) % 60 == 0:
            told = f"{memory.done[-1]} s: {memory.resident[-1] >> 20} MB, {open_files[-1]} open files, "
            frames = sum(seen.frames.values())
            print(f"{told}{frames} frames, {len(seen.ends)} ends, {len(seen.faults)} faults", flush=True)
        await asyncio.sleep(1)


def table(hour: Hour) -> str:
    """What came of it, as the page of results has it."""
    seen, growth, fifth = hour.seen, hour.memory.growth(), max(1, len(hour.open_files) // 5)
    least, most = (round(growth[f"{end}_megabytes"]) for end in ("least", "most"))
    rows = {
        "minutes, frames sent": f"{hour.memory.done[-1] / 60:.0f}, {hour.sent}",
        "what the camera did": ", ".join(f"{what} {count}" for what, count in sorted(hour.incidents.items())),
        "frames that each client was shown": ", ".join(str(n) for _, n in sorted(seen.frames.items())),
        "how often each opened the page": ", ".join(str(n) for _, n in sorted(seen.opened.items())),
        "looks at a hand": str(seen.hands),
        "ends of the source, gone on with by Space": str(len(seen.ends)),
        "frames with anything of another, or out of order": str(len(seen.faults)),
        "memory of the server after the first fifth": f"{least} to {most} MB",
        "its growth, by a line": f"{growth['growth_megabytes']:+.1f} MB",
        "most open files, first and last fifth": f"{max(hour.open_files[:fifth])}, "
        f"{max(hour.open_files[-fifth:])}",
        "exit code after SIGTERM": str(hour.code),
        "verdict": "well" if hour.well else "not well",
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {what} | {value} |" for what, value in rows.items())])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--clients", type=int, default=3)
    parser.add_argument("--rate", type=float, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    async def script(sender: BadSender, _: Seen) -> None:
        await sender.send(60 * options.minutes, between_s=10)

    hour = asyncio.run(live(script, options.clients, options.rate, options.seed))
    print(table(hour))
    raise SystemExit(0 if hour.well else 1)


if __name__ == "__main__":
    main()
