"""A local server that gives every page the same terms: compressed ahead of time, nothing cached."""

import gzip
import mimetypes
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMPRESSED = re.compile(r"text/|javascript|json|svg|xml")
VERSION = re.compile(r"(?<=.)@[^/]+")  # of a package in a CDN's address


@contextmanager
def serve(folders: dict[str, Path]) -> Iterator[str]:
    """Serve each folder below /NAME/; yield the address without a slash at the end.

    Below /cdn/ the folder holds npm packages, and addresses are a CDN's: NAME@VERSION/FILE, where the
    suffix .js may be missing.
    """
    bodies: dict[Path, tuple[bytes, bool]] = {}

    def found(address: str) -> Path | None:
        name, _, rest = unquote(urlsplit(address).path).lstrip("/").partition("/")
        if name not in folders:
            return None
        path = folders[name] / (VERSION.sub("", rest) if name == "cdn" else rest)
        candidates = (path, path.with_name(path.name + ".js"))
        return next((candidate for candidate in candidates if candidate.is_file()), None)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = found(self.path)
            if path is None:
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            if path not in bodies:
                squeezed = bool(COMPRESSED.search(kind))
                content = path.read_bytes()
                bodies[path] = (gzip.compress(content, 6) if squeezed else content, squeezed)
            body, squeezed = bodies[path]
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Access-Control-Allow-Origin", "*")
            if squeezed:
                self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
