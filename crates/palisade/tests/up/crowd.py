"""Misbehaves at a running server in every way that costs nothing, and measures what others are answered meanwhile.

    crowd.py PORT METRICS_PORT CA IDLE MOST HEADER_TIMEOUT

IDLE connections that each asked once and then stand; MOST is what the server lets in. Each line `measured: WHAT | VALUE` stands in
docs/reliability.md. Connections come from many addresses of the loopback network, as each may have 256.
"""

import concurrent.futures
import resource
import select
import socket
import ssl
import sys
import threading
import time
import urllib.request

PORT, METRICS, CA = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
IDLE, MOST, HEADER_TIMEOUT = int(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6])
PER_ADDRESS = 200
TRUST = ssl.create_default_context(cafile=CA)
ASK = b"GET /setup HTTP/1.1\r\nHost: localhost\r\n\r\n"

soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
assert hard > IDLE + 500, f"{hard} open files are too few for {IDLE} connections: raise the limit (ulimit -n)"


def plain(number, port=PORT, patience=60):
    """A connection from one of many addresses."""
    end = socket.socket()
    end.settimeout(patience)
    end.bind((f"127.1.{number // PER_ADDRESS // 200}.{number // PER_ADDRESS % 200 + 2}", 0))
    end.connect(("127.0.0.1", port))
    return end


def connect(number):
    """The same after the handshake."""
    return TRUST.wrap_socket(plain(number), server_hostname="localhost")


def answer(end):
    """The status of one answer, read to its end; none when the connection ended."""
    seen = b""
    try:
        while b"\r\n\r\n" not in seen:
            piece = end.recv(65536)
            if not piece:
                return None
            seen += piece
        head, body = seen.split(b"\r\n\r\n", 1)
        length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
        while len(body) < length:
            piece = end.recv(65536)
            if not piece:
                break
            body += piece
        return int(head.split()[1])
    except (OSError, ValueError):
        return None


def ask(end, request=ASK):
    end.sendall(request)
    return answer(end)


def figure(name):
    with urllib.request.urlopen(f"http://127.0.0.1:{METRICS}/metrics", timeout=30) as page:
        for line in page.read().decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
    raise SystemExit(f"no figure {name}")


def others(count=300):
    """Milliseconds, sorted: requests of somebody who is connected, each tenth over a connection of its own."""
    took, end = [], connect(39_000)
    for number in range(count):
        began = time.monotonic()
        if number % 10 == 0:
            end.close()
            end = connect(39_000)
        assert ask(end) == 200, "others are not served"
        took.append((time.monotonic() - began) * 1000)
    return sorted(took)


def say(what, value):
    print(f"measured: {what} | {value}", flush=True)


def times(took):
    return f"{took[len(took) // 2]:.1f} ms, p99 {took[int(len(took) * 0.99)]:.1f} ms"


def megabytes():
    return figure("palisade_process_resident_memory_bytes") / 2**20


say("a request while nothing else happens, median", times(others()))

# Idle connections.
before, began = megabytes(), time.monotonic()


def stand(number):
    end = connect(number)
    assert ask(end) == 200, f"connection {number} was not served"
    return end


with concurrent.futures.ThreadPoolExecutor(8) as threads:
    crowd = list(threads.map(stand, range(IDLE)))
opened = time.monotonic() - began
# But for the one that asks for this figure.
open_now = figure("palisade_connections_open") - 1
say(f"idle connections opened, {MOST} allowed", f"{IDLE} in {opened:.0f} s")
say(f"connections that stand then, {MOST} allowed", f"{open_now:.0f}")
say(f"memory of the server before and with {open_now:.0f} connections", f"{before:.0f} MiB, {megabytes():.0f} MiB")
assert open_now <= MOST, "more connections than are allowed"
assert open_now >= min(IDLE, MOST) - 5, "idle connections were ended without need"
say(f"a request beside {open_now:.0f} idle connections, median", times(others()))
for end in crowd:
    end.close()

def first(end):
    """The first byte that is said; none when the connection broke."""
    try:
        return end.recv(1)
    except OSError:
        return None


def while_they_end(crowd, reading):
    """How long others take while all of these come to their end, after how long they have, what each was told."""
    began, told = time.monotonic(), []

    def wait():
        said = [reading(end) for end in crowd]
        told.append((time.monotonic() - began, said))

    waiting = threading.Thread(target=wait)
    waiting.start()
    took = others()
    waiting.join()
    ended, said = told[0]
    assert ended < HEADER_TIMEOUT + 20, f"{ended:.0f} s"
    return took, ended, said


# Headers that come a byte at a time.
slow = [connect(number) for number in range(400)]
for end in slow:
    end.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
stop = threading.Event()
# Two threads must not be inside one TLS connection.
inside = threading.Lock()


def drip():
    while not stop.wait(1):
        for end in slow:
            try:
                with inside:
                    end.sendall(b"a")
            except OSError:
                pass


def answer_in_time(end):
    """One answer, waited for outside the connection."""
    select.select([end], [], [], 60)
    with inside:
        return answer(end)


dripping = threading.Thread(target=drip)
dripping.start()
took, ended, said = while_they_end(slow, answer_in_time)
stop.set()
dripping.join()
assert set(said) <= {None, 408}, f"a header without end was answered: {said}"
say(f"400 headers that come a byte a second: all ended after (limit {HEADER_TIMEOUT:.0f} s)", f"{ended:.0f} s")
say("a request meanwhile, median", times(took))

# Connections that never begin TLS.
silent = [plain(number) for number in range(400)]
took, ended, said = while_they_end(silent, first)
assert set(said) <= {b"", None}, "something was said before TLS"
say("400 connections that never begin TLS: all ended after", f"{ended:.0f} s")
say("a request meanwhile, median", times(took))

# Too large, too many.
def refused(what, request, expected):
    end = connect(38_000)
    try:
        end.sendall(request)
    except OSError:
        pass
    status = answer(end)
    assert status in expected, f"{what}: {status}"
    say(what, status or "ended")


HEAD = b"POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
before = megabytes()
refused("a body of 1 MiB", HEAD + b"Content-Length: 1048576\r\n\r\n" + b"a" * 2**20, (400, 413))
refused("a body that says it has 1 TiB", HEAD + b"Content-Length: 1099511627776\r\n\r\n" + b"a" * 2**20, (400, 413))
refused("a body in chunks without end", HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"ffff\r\n" + b"a" * 65535 + b"\r\nffff\r\n" + b"a" * 65535, (400, 413))
refused("a header of 64 KiB", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 65536 + b"\r\n\r\n", (431, None))
refused("5,000 headers", b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 5000 + b"\r\n", (431, None))
refused("an address of 64 KiB", b"GET /" + b"a" * 65536 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", (414, 431, None))
say("memory of the server before and after these", f"{before:.0f} MiB, {megabytes():.0f} MiB")
print("all good")
