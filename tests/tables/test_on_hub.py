"""Writing to the Hub, against a loopback endpoint that speaks the calls that are made."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tables.on_hub import WORK_FILE, check_hub
from tables.places import BadPlace


class Hub(BaseHTTPRequestHandler):
    """One dataset repository: its files, and whether it may be written."""

    files: dict[str, bytes] = {}
    writable = True

    def log_message(self, *args: object) -> None:
        """Quiet."""

    def _send(self, status: int, body: object, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._send(200, {"url": "http://127.0.0.1/datasets/me/mine", "id": "me/mine"})

    def do_GET(self) -> None:
        if "auth-check" in self.path:
            status = 200 if self.writable else 403
            self._send(status, {} if self.writable else {"error": "read only"})
        elif "/resolve/" in self.path:
            name = self.path.rsplit("/", 1)[1]
            found = self.files.get(name, b"")
            self._send(
                200, found, X_Repo_Commit="0" * 40, ETag='"e"', X_Linked_Size=str(len(found))
            )
        elif "/tree/" not in self.path:
            self._send(404, {"error": self.path})
        else:
            oid = "0" * 40
            names = self.files
            self._send(200, [{"type": "file", "path": n, "oid": oid, "size": 1} for n in names])

    do_HEAD = do_GET


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Iterator[type[Hub]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    from huggingface_hub import constants, hf_api

    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(hf_api.constants, "ENDPOINT", url)
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", "hf_planted")
    Hub.files, Hub.writable = {".gitattributes": b""}, True
    yield Hub
    server.shutdown()
    server.server_close()


def test_an_empty_repository_is_free(hub: type[Hub]) -> None:
    check_hub("me/mine", "w")


def test_our_own_work_may_be_replaced_and_other_work_not(hub: type[Hub]) -> None:
    hub.files = {"data/train.parquet": b"x", WORK_FILE: b'{"work": "w"}'}
    check_hub("me/mine", "w")
    with pytest.raises(BadPlace, match="holds other work"):
        check_hub("me/mine", "other")


def test_a_dataset_that_is_not_ours_is_left_alone(hub: type[Hub]) -> None:
    hub.files = {"data/train.parquet": b"x", "README.md": b""}
    with pytest.raises(BadPlace, match="holds other work"):
        check_hub("me/mine", "w")


def test_no_write_access(hub: type[Hub]) -> None:
    hub.writable = False
    with pytest.raises(BadPlace, match="no write access"):
        check_hub("me/mine", "w")
