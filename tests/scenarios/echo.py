"""A TCP echo server, and a client that keeps one connection busy: `echo.py serve` and `echo.py talk FROM TO`.

The client prints one line for each answer, with the time, and says why it ended.  Nothing here knows of
router advertisements.
"""

import selectors
import socket
import sys
import time

PORT = 7007
PERIOD = 0.25
# An answer that takes longer than this is a connection that does not work any more.
PATIENCE = 3.0


def serve():
    listener = socket.create_server(("::", PORT), family=socket.AF_INET6, backlog=16)
    chosen = selectors.DefaultSelector()
    chosen.register(listener, selectors.EVENT_READ)
    print("serving", flush=True)
    while True:
        for key, _ in chosen.select():
            if key.fileobj is listener:
                chosen.register(listener.accept()[0], selectors.EVENT_READ)
                continue
            try:
                data = key.fileobj.recv(4096)
                key.fileobj.sendall(data)
            except OSError:
                data = b""
            if not data:
                chosen.unregister(key.fileobj)
                key.fileobj.close()


def talk(source, destination):
    """Connect (from the address given, or the one that the kernel chooses for `-`) and send and await lines."""
    local = None if source == "-" else (source, 0)
    connection = socket.create_connection((destination, PORT), timeout=PATIENCE, source_address=local)
    print(f"connected from {connection.getsockname()[0]}", flush=True)
    while True:
        sent = f"{time.time():.3f}\n".encode()
        connection.sendall(sent)
        got = b""
        while not got.endswith(b"\n"):
            more = connection.recv(64)
            if not more:
                raise OSError("closed by the server")
            got += more
        print(f"answered {time.time():.3f}", flush=True)
        time.sleep(PERIOD)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    try:
        talk(sys.argv[2], sys.argv[3])
    except OSError as error:
        print(f"ended {time.time():.3f} {error}", flush=True)
