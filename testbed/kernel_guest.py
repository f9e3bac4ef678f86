"""A machine that runs a real kernel: QEMU, its monitor, its console and a shell in it.

Emulated instruction by instruction (TCG), so that it runs on any x86_64 and arm64 host, inside
containers too; nothing that it does is a measure of speed.
"""

from __future__ import annotations

import base64
import json
import select
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from testbed.kernel_image import Image

#: Volumes that can be plugged in, each in a PCIe port of its own, as EC2's Nitro has them.
PORTS = 20
#: Where the guest finds the emulated AWS, the metadata service and the agent's task credentials.
ENDPOINT = "169.254.0.4"
METADATA = "169.254.169.254"
TASK_CREDENTIALS = "169.254.170.2"
#: All that QEMU can emulate, without virtual machines in the guest (their modules would be loaded)
#: and without what costs an emulator time at each walk of a page table and each way into the kernel.
_CPU = "max,svm=off,la57=off,smap=off,smep=off,umip=off,pku=off"
_RELAY = Path(__file__).with_name("kernel_relay.py")
#: How EC2 calls itself in the firmware, by which cloud-init knows it.
_UUID = "ec2e1916-9099-7caf-fd21-012345abcdef"


class Guest:
    """A machine from power-on to power-off.

    Attributes:
        disks: By volume id, the file behind each volume that was ever plugged in.
    """

    def __init__(self, image: Image, folder: Path, port: int, instance_type: str) -> None:
        """Name it.

        Args:
            image: What it boots; not written to.
            folder: Where its disks, sockets and console are.
            port: Of this machine's loopback, where the emulated AWS listens.
            instance_type: What its firmware says it is, as Nitro's does.
        """
        self.disks: dict[str, Path] = {}
        self._image = image
        self._folder = folder
        self._port = port
        self._type = instance_type
        self._free = [f"port{number}" for number in range(PORTS)]
        self._plugged: dict[str, str] = {}
        self._root = folder / "root"
        self._ended: str | None = None
        self._one_order = Lock()
        self._no_change = Lock()

    def __enter__(self) -> Self:
        """Switch it on."""
        self.began = time.monotonic()
        subprocess.run(
            ["cp", "--sparse=always", "--reflink=auto", str(self._image.disk), str(self._root)],
            check=True,
        )
        self._start()
        return self

    def _start(self) -> None:
        self._ended = None
        self._process = subprocess.Popen(self._command(), stderr=subprocess.PIPE, text=True)
        try:
            self._monitor = _Lines(self._connect("monitor"))
            self._monitor.line(10)
            self.monitor("qmp_capabilities")
            self._shell = _Lines(self._connect("shell"))
        except OSError as error:
            self._process.kill()
            output = self._process.communicate()[1]
            raise RuntimeError(f"QEMU did not start: {output or error}") from error

    def __exit__(self, *_: object) -> None:
        """Pull the plug, whatever it does."""
        self._stop()
        self._root.unlink()

    def _stop(self) -> None:
        for lines in (self._monitor, self._shell):
            lines.close()
        self._process.kill()
        self._process.communicate()

    def reboot(self, seconds: float) -> None:
        """Let it reboot, and wait for its shell.

        Raises:
            TimeoutError: It does not go down, or does not come back.
            RuntimeError: It went off instead.
        """
        with self._no_change:  # What EC2 attaches meanwhile is plugged in once it is on again.
            self.run("systemctl reboot")
            reason = self._end(seconds)
            if reason != "guest-reset":
                raise RuntimeError(f"no reboot but {reason}:\n{self.console[-3000:]}")
            self._stop()
            self._start()
        self.wait_for_shell(seconds)

    def plug(self, volume_id: str, size_gib: int, *, before_power_on: bool = False) -> None:
        """Plug a blank disk in, whose serial number is the volume's id as EBS writes it."""
        with self._no_change:
            self._plug(volume_id, size_gib, before_power_on=before_power_on)

    def _plug(self, volume_id: str, size_gib: int, *, before_power_on: bool) -> None:
        serial = volume_id.replace("-", "", 1)
        file = self._folder / serial
        with file.open("wb") as disk:
            disk.truncate(size_gib << 30)
        port = self._free.pop(0)
        self.disks[volume_id] = file
        self._plugged[volume_id] = port
        if before_power_on:
            return
        self.monitor("blockdev-add", **_file(serial, file))
        self.monitor(
            "device_add", driver="nvme", id=f"d{serial}", drive=serial, serial=serial, bus=port
        )

    def unplug(self, volume_id: str) -> None:
        """Pull a disk out."""
        with self._no_change:
            self._unplug(volume_id)

    def _unplug(self, volume_id: str) -> None:
        serial = volume_id.replace("-", "", 1)
        self.monitor("device_del", id=f"d{serial}")
        deadline = time.monotonic() + 30
        while True:
            try:
                self.monitor("blockdev-del", **{"node-name": serial})
                break
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        self._free.append(self._plugged.pop(volume_id))

    def run(self, command: str, seconds: float = 60) -> str:
        """Run a bash command in the guest.

        Returns:
            Its output, both streams.

        Raises:
            RuntimeError: It ended with another status than 0.
            TimeoutError: It did not end.
        """
        status, output = self.attempt(command, seconds)
        if status != 0:
            raise RuntimeError(f"{command!r} ended with status {status}: {output}")
        return output

    def attempt(self, command: str, seconds: float = 60) -> tuple[int, str]:
        """Run a bash command in the guest; return its status and output."""
        self._shell.send(base64.b64encode(command.encode()))
        line = self._shell.line(seconds)
        while b":" not in line:  # What it says when it starts.
            line = self._shell.line(seconds)
        status, _, output = line.partition(b":")
        return int(status), base64.b64decode(output).decode(errors="replace")

    def wait_for_shell(self, seconds: float = 120) -> None:
        """Wait until the guest has started far enough to run commands."""
        while self._shell.line(seconds) != b"hello":
            pass

    def until(self, text: str, seconds: float, times: int = 1) -> None:
        """Wait for a text on the console.

        Raises:
            TimeoutError: It did not appear.
            RuntimeError: The machine is off.
        """
        deadline = time.monotonic() + seconds
        while self.console.count(text) < times:
            if self._process.poll() is not None:
                raise RuntimeError(f"the guest went off before {text!r}:\n{self.console[-3000:]}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {text!r} within {seconds} s:\n{self.console[-3000:]}")
            time.sleep(0.1)

    def until_off(self, seconds: float) -> None:
        """Wait until the guest has switched itself off.

        Raises:
            TimeoutError: It did not.
            RuntimeError: It did something else, as rebooting.
        """
        reason = self._end(seconds)
        if reason != "guest-shutdown":
            raise RuntimeError(f"not switched off but {reason}:\n{self.console[-3000:]}")

    def _end(self, seconds: float) -> str:
        """Wait for QEMU's end; return the reason that it gives for it."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired as late:
            raise TimeoutError(f"still on after {seconds} s:\n{self.console[-3000:]}") from late
        with self._one_order:
            while self._ended is None:
                self._message()
        return self._ended

    @property
    def console(self) -> str:
        """What the guest wrote to its console so far."""
        return (self._folder / "console").read_text(errors="replace")

    def monitor(self, command: str, **arguments: Any) -> Any:
        """Give QEMU's monitor an order.

        Raises:
            RuntimeError: It refuses.
        """
        order = {"execute": command, "arguments": arguments}
        with self._one_order:
            self._monitor.send(json.dumps(order).encode())
            answer: dict[str, Any] = {}
            while not {"error", "return"} & answer.keys():  # Events come in between.
                answer = self._message()
        if "error" in answer:
            raise RuntimeError(f"{command}: {answer['error']['desc']}")
        return answer["return"]

    def _message(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._monitor.line(30))
        if message.get("event") == "SHUTDOWN":
            self._ended = message["data"]["reason"]
        return message

    def _command(self) -> list[str]:
        relay = f"cmd:{sys.executable} -S {_RELAY} {self._port}"
        forwards = [
            f"guestfwd=tcp:{address}:80-{relay}"
            for address in (ENDPOINT, METADATA, TASK_CREDENTIALS)
        ]
        command = [
            *("qemu-system-x86_64", "-nodefaults", "-display", "none", "-machine", "q35"),
            *("-accel", "tcg,thread=multi", "-cpu", _CPU, "-smp", "2", "-m", "2048"),
            *(
                "-smbios",
                f"type=1,manufacturer=Amazon EC2,product={self._type},uuid={_UUID},serial={_UUID}",
            ),
            *("-kernel", str(self._image.kernel)),
            *(
                "-append",
                "root=PARTUUID=6e786662-01 rw console=ttyS0 apparmor=0 systemd.show_status=error",
            ),
            # A reset would leave QEMU with the translation of every program that has run. It throws
            # each away alone when the memory is written to, and a boot among them takes twice as
            # long. So a reboot ends it, and `reboot` starts another on the same disks.
            *("-action", "reboot=shutdown"),
            *("-chardev", f"file,id=console,append=on,path={self._folder / 'console'}"),
            *("-serial", "chardev:console"),
            *("-serial", f"unix:{self._folder / 'shell'},server=on,wait=off"),
            *("-qmp", f"unix:{self._folder / 'monitor'},server=on,wait=off"),
            # Nothing but these three addresses can be reached.
            *("-netdev", ",".join([_LINK, *forwards])),
            *("-device", "virtio-net-pci,netdev=link"),
            *("-blockdev", json.dumps(_file("root", self._root))),
            *("-device", "nvme,drive=root,serial=vol0000000000000root"),
        ]
        for number in range(PORTS):
            port = f"pcie-root-port,id=port{number},chassis={number + 1},slot={number + 1}"
            command += ["-device", port]
        for volume_id, port in self._plugged.items():
            serial = volume_id.replace("-", "", 1)
            command += ["-blockdev", json.dumps(_file(serial, self.disks[volume_id]))]
            command += ["-device", f"nvme,id=d{serial},drive={serial},serial={serial},bus={port}"]
        return command

    def _connect(self, name: str) -> socket.socket:
        deadline = time.monotonic() + 30
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self._folder / name))
            except OSError:
                connection.close()
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.1)
            else:
                return connection


_LINK = "user,id=link,restrict=on,net=169.254.0.0/16,host=169.254.0.2,dns=169.254.0.3"


def _file(node: str, path: Path) -> dict[str, Any]:
    return {
        "driver": "raw",
        "node-name": node,
        "discard": "unmap",
        # They end with the test: there is no power that could fail.
        "cache": {"no-flush": True},
        "file": {"driver": "file", "filename": str(path), "discard": "unmap"},
    }


class _Lines:
    """Lines over a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._rest = b""

    def close(self) -> None:
        self._connection.close()

    def send(self, line: bytes) -> None:
        self._connection.sendall(line + b"\n")

    def line(self, seconds: float) -> bytes:
        deadline = time.monotonic() + seconds
        while b"\n" not in self._rest:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self._connection], [], [], left)[0]:
                raise TimeoutError(f"no answer within {seconds} s")
            got = b""
            with suppress(ConnectionError):
                got = self._connection.recv(65536)
            if not got:
                raise RuntimeError("the guest is off")
            self._rest += got
        line, _, self._rest = self._rest.partition(b"\n")
        return line.strip()
