"""The disk under the embedded queue and store: full, then with room again. Needs a small file system of its own, thus root."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.faults.ground import Fault, Ground
from tests.faults.scene import Scene
from tests.faults.transport import Embedded


@contextmanager
def _small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _fill(file: Path) -> None:
    """Take what room there is, to the last octet."""
    with file.open("ab", buffering=0) as opened:
        for size in (65536, 4096, 512, 1):
            with suppress(OSError):
                while True:
                    opened.write(b"x" * size)


def _full(_: Ground, scene: Scene) -> None:
    with _small_disk(scene.folder / "small", 16) as small:
        scene.transport = Embedded(small)
        scene.broker_url, scene.store_url = scene.transport.broker_url, scene.transport.store_url
        scene.publish(150, "dot-slow-0.2s")
        worker = scene.worker()
        scene.until(lambda: len(scene.arrived()) >= 20, "the first mails")
        _fill(small / "ballast")
        scene.until(lambda: scene.said("outage"), "the full disk to be felt")
        time.sleep(6)
        assert worker.poll() is None
        (small / "ballast").unlink()
        scene.settled()
        scene.verdict_now()


FAULTS = (Fault("full disk of the embedded queue and store", _full, ("embedded",)),) if os.geteuid() == 0 else ()
