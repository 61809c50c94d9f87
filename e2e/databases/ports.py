"""A port for a server that is about to be started.

Not one of those that the kernel gives to clients: between the choice and the server's start, any connection of another test may get it.
Below Kubernetes' node ports, and below those of the cluster that the end-to-end tests start meanwhile. Processes that choose at the same
time choose apart.
"""

import itertools
import os
import socket

FIRST, PORTS, EACH = 12000, 8000, 16
numbers = itertools.count(os.getpid() * EACH)


def free_port():
    for number in numbers:
        port = FIRST + number % PORTS
        with socket.socket() as free:
            try:
                free.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


if __name__ == "__main__":
    print(free_port())
