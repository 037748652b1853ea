"""What the doubles of products' interfaces have in common: answers in JSON, TLS, and manners of servers that fail or lie.

Manners: hang, drip, huge, html, busy; redirect=PORT leads to another server; anything else behaves.
"""
import http.server
import json
import ssl
import time


class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    manner = "plain"

    def log_message(self, *_):
        pass

    def sent(self):
        """The body of the request."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status, value, headers=()):
        self.answer_text(status, "\ufeff" + json.dumps(value), [("Content-Type", "application/json"), *headers])

    def answer_text(self, status, text, headers=()):
        body = text.encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def misbehaves(self, manner=None):
        """Whether the request was answered as no server should."""
        manner, _, port = (manner or self.manner).partition("=")
        if manner == "busy":
            self.answer(429, {"code": 429, "message": "Too Busy"})
        elif manner == "redirect":
            self.answer_text(302, "", [("Location", f"http://127.0.0.1:{port}{self.path}")])
        elif manner == "hang":
            time.sleep(60)
        elif manner in ("drip", "huge", "html"):
            self.send_response(200)
            self.send_header("Content-Length", str({"drip": 500, "huge": 64 << 20, "html": 6}[manner]))
            self.end_headers()
            try:
                if manner == "html":
                    self.wfile.write(b"<html>")
                for _ in range(600 if manner == "drip" else 0):
                    self.wfile.write(b" ")
                    time.sleep(0.1)
                for _ in range(64 if manner == "huge" else 0):
                    self.wfile.write(b"[" * (1 << 20))
            except OSError:
                pass
        else:
            return False
        return True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


def serve(api, port, certificate=None, key=None):
    server = Server(("127.0.0.1", port), api)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()
