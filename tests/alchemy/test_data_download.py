"""Downloads against a local HTTP server: what is fetched, what is continued, what each failure leaves."""

from __future__ import annotations

import gzip
import hashlib
import multiprocessing
import re
import socket
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from alchemy import data
from alchemy.data import download, remote

BODY = np.random.default_rng(0).bytes(300_000)


class Server(ThreadingHTTPServer):
    """Serves `files` (path -> bytes) with Range support; `behaviour` is what it does to the next requests."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.behaviour: list[str] = []  # taken from the front, one a request; empty: serve well
        self.requests: list[tuple[str, str | None]] = []  # path and Range header of each request
        self.pause = 0.0  # seconds before each answer
        self.sent: list[int] = []  # body bytes of each answer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        pass  # a client that goes away is part of these tests


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        asked = self.headers.get("Range")
        server.requests.append((self.path, asked))
        time.sleep(server.pause)
        behaviour = server.behaviour.pop(0) if server.behaviour else "serve"
        body = server.files.get(self.path)
        if body is None or behaviour == "missing":
            return self.answer(404, b"no such file")
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and behaviour != "ignore range" else 0
        if start >= len(body):
            return self.answer(416, b"", {"Content-Range": f"bytes */{len(body)}"})
        extra = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if start else {}
        if behaviour == "wrong range":
            extra = {"Content-Range": f"bytes 7-{len(body) - 1}/{len(body)}"}
        if behaviour == "label gzip":
            extra["Content-Encoding"] = "gzip"
        rest = body[start:]
        sent = rest[: len(rest) // 3] if behaviour == "cut" else b"" if behaviour == "cut at once" else rest
        self.answer(206 if "Content-Range" in extra else 200, sent, extra, length=len(rest))

    def answer(self, status, body, extra=None, length=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.server.sent.append(len(body))  # before the write: the client may look as soon as it has the last byte
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    with Server() as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield running
        running.shutdown()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ALCHEMY_DATA", str(tmp_path / "cache"))
    monkeypatch.delenv("ALCHEMY_MIRROR", raising=False)
    return tmp_path / "cache" / "toy"


@pytest.fixture
def toy(server, cache):
    """A file of the server, with its right checksum."""
    server.files["/toy.bin"] = BODY
    return download.RemoteFile("toy", "toy.bin", f"md5:{hashlib.md5(BODY).hexdigest()}", (f"{server.url}/",))


def left(folder) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


# --- fetch ----------------------------------------------------------------------------------------


def test_downloads_once(server, cache, toy):
    path = download.fetch(toy)
    assert path == cache / "toy.bin"
    assert path.read_bytes() == BODY
    assert download.fetch(toy) == path
    assert len(server.requests) == 1
    assert left(cache) == {"toy.bin"}


def test_sha256_works_too(cache, toy):
    toy = replace(toy, checksum=f"sha256:{hashlib.sha256(BODY).hexdigest()}")
    assert download.fetch(toy).read_bytes() == BODY


def test_wrong_checksum_raises_and_leaves_nothing(server, cache, toy):
    toy = replace(toy, checksum="md5:" + "0" * 32)
    with pytest.raises(data.DataError) as caught:
        download.fetch(toy)
    message = str(caught.value)
    assert "toy: toy.bin" in message
    assert f"{server.url}/toy.bin" in message
    assert "wrong checksum" in message
    assert "0" * 32 in message
    assert hashlib.md5(BODY).hexdigest() in message
    assert "ALCHEMY_MIRROR" in message
    assert "mnist5k" in message
    assert left(cache) == set()


def test_cut_connection_raises_keeps_the_part_and_is_continued(server, cache, toy):
    server.behaviour = ["cut"]
    with pytest.raises(data.DataError, match=r"the connection was cut; 100,000 bytes are kept in .*toy\.bin\.part"):
        download.fetch(toy)
    assert left(cache) == {"toy.bin.part"}
    assert (cache / "toy.bin.part").read_bytes() == BODY[:100_000]
    assert download.fetch(toy).read_bytes() == BODY
    assert server.requests[1] == ("/toy.bin", "bytes=100000-")
    assert server.sent == [100_000, 200_000]
    assert left(cache) == {"toy.bin"}


def test_cut_twice_and_continued_twice(server, cache, toy):
    server.behaviour = ["cut", "cut"]
    for _ in range(2):
        with pytest.raises(data.DataError, match="was cut"):
            download.fetch(toy)
    assert download.fetch(toy).read_bytes() == BODY
    assert len(server.requests) == 3
    assert sum(server.sent) == len(BODY)


def test_cut_before_the_first_byte_leaves_nothing(server, cache, toy):
    server.behaviour = ["cut at once"]
    with pytest.raises(data.DataError, match="was cut; 0 bytes"):
        download.fetch(toy)
    assert left(cache) == set()


def test_a_server_without_ranges_starts_over(server, cache, toy):
    server.behaviour = ["cut", "ignore range"]
    with pytest.raises(data.DataError):
        download.fetch(toy)
    assert download.fetch(toy).read_bytes() == BODY
    assert server.sent == [100_000, 300_000]


def test_an_answer_from_another_byte_is_refused(server, cache, toy):
    server.behaviour = ["cut", "wrong range"]
    with pytest.raises(data.DataError):
        download.fetch(toy)
    with pytest.raises(data.DataError, match="answered 206 .*bytes 7-299999/300000; expected 200 or 206"):
        download.fetch(toy)
    assert download.fetch(toy).read_bytes() == BODY  # the part was kept


def test_a_damaged_part_is_thrown_away_and_fetched_whole(server, cache, toy):
    cache.mkdir(parents=True)
    (cache / "toy.bin.part").write_bytes(b"x" * 100_000)
    assert download.fetch(toy).read_bytes() == BODY
    assert [asked for _, asked in server.requests] == ["bytes=100000-", None]
    assert left(cache) == {"toy.bin"}


@pytest.mark.parametrize("held", [BODY, BODY + b"more"], ids=["complete", "too long"])
def test_a_part_with_nothing_left_to_fetch(cache, toy, held):
    cache.mkdir(parents=True)
    (cache / "toy.bin.part").write_bytes(held)
    assert download.fetch(toy).read_bytes() == BODY
    assert left(cache) == {"toy.bin"}


def test_missing_network(cache, toy):
    with socket.socket() as closed:  # bound but not listening: connections are refused
        closed.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        with pytest.raises(data.DataError) as caught:
            download.fetch(replace(toy, hosts=(host,)))
    message = str(caught.value)
    assert f"{host}toy.bin: no connection; check the network" in message
    assert toy.checksum in message
    assert "mnist5k and mnist1d need no network" in message
    assert left(cache) == set()


def test_missing_network_keeps_an_earlier_part(cache, toy):
    cache.mkdir(parents=True)
    (cache / "toy.bin.part").write_bytes(BODY[:1000])
    with pytest.raises(data.DataError, match="no connection"):
        download.fetch(replace(toy, hosts=("http://127.0.0.1:1/",)))
    assert left(cache) == {"toy.bin.part"}


def test_missing_file(server, cache, toy):
    server.behaviour = ["missing"]
    with pytest.raises(data.DataError, match="the server answered 404 Not Found; expected 200"):
        download.fetch(toy)
    assert left(cache) == set()


def test_the_second_host_is_tried(server, cache, toy):
    toy = replace(toy, hosts=(f"{server.url}/nothing/", *toy.hosts))
    assert download.fetch(toy).read_bytes() == BODY
    assert [path for path, _ in server.requests] == ["/nothing/toy.bin", "/toy.bin"]


def test_a_compressed_label_does_not_change_the_bytes(server, cache, toy):
    packed = gzip.compress(BODY)
    server.files["/toy.bin"] = packed
    server.behaviour = ["label gzip"]
    toy = replace(toy, checksum=f"md5:{hashlib.md5(packed).hexdigest()}")
    assert download.fetch(toy).read_bytes() == packed


def test_a_changed_file_in_the_cache_is_fetched_again(server, cache, toy):
    download.fetch(toy).write_bytes(BODY[:-1])
    assert download.fetch(toy).read_bytes() == BODY
    assert len(server.requests) == 2


def test_mirror_replaces_the_hosts(server, cache, toy, monkeypatch):
    server.files["/copies/toy/toy.bin"] = BODY
    monkeypatch.setenv("ALCHEMY_MIRROR", f"{server.url}/copies/")
    download.fetch(replace(toy, hosts=("http://never.invalid/",)))
    assert [path for path, _ in server.requests] == ["/copies/toy/toy.bin"]


def test_a_cache_that_cannot_be_written(tmp_path, toy, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("ALCHEMY_DATA", str(tmp_path / "file"))
    with pytest.raises(data.DataError, match=r"toy: the cache folder .*file.*set ALCHEMY_DATA"):
        download.fetch(toy)


def test_cache_folder_default_and_override(monkeypatch, tmp_path):
    monkeypatch.delenv("ALCHEMY_DATA", raising=False)
    assert download.cache_folder().name == "alchemy"
    monkeypatch.setenv("ALCHEMY_DATA", str(tmp_path))
    assert download.cache_folder() == tmp_path


def test_two_processes_download_once(server, cache, toy):
    server.pause = 0.5  # so that the second comes while the first is at it
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        paths = pool.map(download.fetch, [toy, toy], chunksize=1)
    assert paths == [cache / "toy.bin"] * 2
    assert paths[0].read_bytes() == BODY
    assert len(server.requests) == 1
    assert left(cache) == {"toy.bin"}


# --- formats --------------------------------------------------------------------------------------


def idx(array: np.ndarray) -> bytes:
    """The IDX bytes of an array, written from the format's description."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def test_idx_round_trip():
    images = np.random.default_rng(1).integers(0, 256, (5, 3, 4), np.uint8)
    np.testing.assert_array_equal(remote.parse_idx(idx(images), what="toy"), images)
    np.testing.assert_array_equal(remote.parse_idx(idx(images[:, 0, 0]), what="toy"), images[:, 0, 0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file"),
        (b"\0\0\x0d\1" + bytes(8), "not an IDX file of unsigned bytes.*found '00 00 0d 01'"),
        (b"\0\0\x08\3\0\0", "not an IDX file"),
        (idx(np.zeros((2, 3), np.uint8))[:-1], r"5 values; expected 6 for its shape \(2, 3\)"),
    ],
)
def test_malformed_idx(content, message):
    with pytest.raises(data.DataError, match=f"toy: {message}"):
        remote.parse_idx(content, what="toy")


# --- whole datasets, fabricated -------------------------------------------------------------------


def publish(server, monkeypatch, dataset: str, contents: list[bytes]) -> None:
    """Let the server hold these contents as the dataset's files, with their checksums in the registry."""
    files = []
    for file, content in zip(remote.FILES[dataset], contents, strict=True):
        server.files[f"/{dataset}/{file.name}"] = content
        files.append(replace(file, checksum=f"md5:{hashlib.md5(content).hexdigest()}"))
    monkeypatch.setitem(remote.FILES, dataset, tuple(files))
    monkeypatch.setenv("ALCHEMY_MIRROR", server.url)


def test_loads_mnist(server, cache, monkeypatch):
    random = np.random.default_rng(2)
    x, y = random.integers(0, 256, (6, 28, 28), np.uint8), random.integers(0, 10, 6, np.uint8)
    publish(server, monkeypatch, "mnist", [gzip.compress(idx(part)) for part in (x[:4], y[:4], x[4:], y[4:])])
    found = data.load("mnist")
    np.testing.assert_allclose(found.x_train, x[:4] / 255, atol=1e-7)
    np.testing.assert_allclose(found.x_test, x[4:] / 255, atol=1e-7)
    assert found.y_train.tolist() == y[:4].tolist()
    assert found.y_test.tolist() == y[4:].tolist()
    assert found.x_train.dtype == np.float32
    assert found.y_train.dtype == np.int32
    assert len(found.classes) == 10
    assert len(server.requests) == 4
    data.load("mnist")
    assert len(server.requests) == 4  # the second time from the cache


def test_the_registry_is_well_formed():
    for dataset, files in remote.FILES.items():
        assert dataset in data.names()
        for file in files:
            assert file.dataset == dataset
            assert re.fullmatch(r"md5:[0-9a-f]{32}", file.checksum)
            assert file.hosts
            assert all(re.fullmatch(r"https?://.*/", host) for host in file.hosts)
    assert len({file.checksum for files in remote.FILES.values() for file in files}) == 4
