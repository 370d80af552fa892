"""Runs a server of the standard library in a thread."""

import socket
import socketserver
import threading
from typing import Callable


def serve(server: socketserver.TCPServer) -> Callable[[], None]:
    """Returns a function that ends the server at once. (socketserver's `shutdown` waits until it polls again.)"""
    is_ended = threading.Event()

    def run() -> None:
        while not is_ended.is_set():
            server.handle_request()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def end() -> None:
        is_ended.set()
        socket.create_connection(server.server_address[:2]).close()  # wakes the thread
        thread.join()
        server.server_close()

    return end
