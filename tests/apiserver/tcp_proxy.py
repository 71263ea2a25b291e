"""A TCP proxy that can fall silent: connections stay open, and nothing comes through them any more."""

from __future__ import annotations

import socket
import threading


class TcpProxy:
    """Forwards a port of the loopback interface to another. Use as a context manager."""

    def __init__(self, target_port: int) -> None:
        self._target = ("127.0.0.1", target_port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._lock = threading.Lock()
        self._silent: set[int] = set()
        self._pairs: dict[int, tuple[socket.socket, socket.socket]] = {}
        self.accepted = 0
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def __enter__(self) -> TcpProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()
        for pair in list(self._pairs.values()):
            for end in pair:
                end.close()

    def silence(self) -> int:
        """From now on nothing passes through the connections there are; new ones work. How many there are."""
        with self._lock:
            self._silent |= set(self._pairs)
            return len(self._silent)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._target)
            except OSError:
                return
            with self._lock:
                self.accepted += 1
                number = self.accepted
                self._pairs[number] = (client, server)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._forward, args=(number, source, sink), daemon=True).start()

    def _forward(self, number: int, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if number in self._silent:
                    continue  # swallowed; the sender's kernel acknowledges, as a dead peer behind a live middlebox does
                sink.sendall(data)
            if number not in self._silent:
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            return
