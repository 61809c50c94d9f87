"""What a client of Vitess sees that one of MariaDB doesn't, on the way to a MariaDB: a session's id is vtgate's, and so those that the
server lists are never it; and KILL is refused. The rest goes through as it is, so TLS must be off."""

import socket
import threading

REFUSED = b"\xff" + (1095).to_bytes(2, "little") + b"#HY000VT07001: kill statement execution not permitted."


def packet(stream):
    """(sequence number, payload), or nothing at the end."""
    head = stream.read(4)
    return (head[3], stream.read(int.from_bytes(head[:3], "little"))) if len(head) == 4 else None


def packed(number, payload):
    return len(payload).to_bytes(3, "little") + bytes([number]) + payload


def queries(client, server):
    stream = client.makefile("rb")
    while read := packet(stream):
        number, payload = read
        if number == 0 and payload[:1] == b"\x03":
            if payload[1:5].upper() == b"KILL":
                client.sendall(packed(1, REFUSED))
                continue
            payload = payload.replace(b"connection_id()", b"0")
        server.sendall(packed(number, payload))
    server.shutdown(socket.SHUT_RDWR)


def answers(client, server):
    try:
        while data := server.recv(65536):
            client.sendall(data)
        client.shutdown(socket.SHUT_RDWR)
    except OSError:  # either end is gone
        pass


def listen(host, port):
    """A port of its own that leads to this server, as long as the process lives."""

    def serve():
        while True:
            client, _ = edge.accept()
            server = socket.create_connection((host, port))
            for way in (queries, answers):
                threading.Thread(target=way, args=(client, server), daemon=True).start()

    edge = socket.create_server((host, 0))
    threading.Thread(target=serve, daemon=True).start()
    return edge.getsockname()[1]
