"""nginx in front of a portal, configured as in `docs/operation.md`: it forwards requests and sends blobs by itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import until_answers

_CONFIG = """\
daemon off;
worker_processes {workers};
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{}}
http {{
    access_log off;
    sendfile on;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass {portal}; proxy_set_header Host $http_host; }}
        location /v2/ {{ proxy_pass {layers}; proxy_set_header Host $http_host; }}
        location /-/blobs/ {{ internal; alias {blobs}/; }}
        {more}
    }}
}}
"""


@contextmanager
def nginx(
    home: Path, port: int, portal: str, layers: str, blobs: Path, *, workers: int = 1, more: str = ""
) -> Iterator[None]:
    """Run it on loopback; `more` is for its server block."""
    config = _CONFIG.format(home=home, port=port, portal=portal, layers=layers, blobs=blobs, workers=workers, more=more)
    with nginx_process(home, config) as process:
        until_answers(f"http://127.0.0.1:{port}/", process, home / "log")
        yield


@contextmanager
def nginx_process(home: Path, config: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run nginx with this configuration; its files, and `log` with what it writes, are in `home`."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    assert program, "this needs nginx"
    # As root its workers would be somebody who can't read our files.
    (home / "nginx.conf").write_text(("user root;\n" if os.geteuid() == 0 else "") + config)
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([program, "-p", str(home), "-c", str(home / "nginx.conf")], stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)
