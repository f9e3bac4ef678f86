"""Connects a guest's connection, which QEMU hands over as standard input and output, to a port.

QEMU starts one for each connection (`guestfwd=...-cmd:`). A program of its own, so that the guest
reaches this one port and nothing else of the machine or beyond it.
"""

from __future__ import annotations

import os
import select
import socket
import sys


def main(port: int) -> None:
    """Carry bytes in both directions until one side ends."""
    with socket.create_connection(("127.0.0.1", port)) as there:
        here = sys.stdin.fileno()
        while True:
            ready, _, _ = select.select([here, there], [], [])
            if here in ready:
                data = os.read(here, 65536)
                if not data:
                    return
                there.sendall(data)
            if there in ready:
                data = there.recv(65536)
                if not data:
                    return
                while data:
                    data = data[os.write(sys.stdout.fileno(), data) :]


if __name__ == "__main__":
    main(int(sys.argv[1]))
