"""Fetching one published file: checked by pooch, continued where an earlier attempt was cut.

Environment
    ALCHEMY_DATA     the cache folder (default: the user's cache, as pooch names it)
    ALCHEMY_MIRROR   a URL that replaces the published hosts; files are looked for at MIRROR/<dataset>/<file>
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .dataset import DataError

CONNECT_SECONDS, READ_SECONDS = 10, 60  # how long a silent host is waited for
CHUNK = 1 << 16
PROGRESS_FROM = 5_000_000  # bytes; smaller files come without a progress bar
WITHOUT_NETWORK = "mnist5k and mnist1d need no network"


@dataclass(frozen=True)
class RemoteFile:
    """One file as its publishers describe it: name, checksum ("md5:..." or "sha256:..."), hosts.

    `hosts` are URLs which `name` is appended to, tried in this order.
    """

    dataset: str
    name: str
    checksum: str
    hosts: tuple[str, ...]


class _Failed(Exception):
    """One host did not give the file; the message says why and what is left of it."""


def cache_folder() -> Path:
    """Where downloads are kept: ALCHEMY_DATA, or else `alchemy` in the user's cache folder."""
    chosen = os.environ.get("ALCHEMY_DATA", "").strip()
    return Path(chosen).expanduser() if chosen else Path(_pooch("any dataset").os_cache("alchemy"))


def fetch(file: RemoteFile) -> Path:
    """The path of the file in the cache, downloaded if it is not there or does not have its checksum.

    The final name only ever holds a file with the right checksum. An interrupted download leaves NAME.part
    beside it, which the next call continues; a wrong checksum leaves nothing.
    Raises DataError if no host gives the file, or the cache cannot be written.
    """
    pooch = _pooch(file.dataset)
    folder = cache_folder() / file.dataset
    mirror = os.environ.get("ALCHEMY_MIRROR", "").strip()
    hosts = (f"{mirror.rstrip('/')}/{file.dataset}/",) if mirror else file.hosts
    failures = []
    for host in hosts:
        try:
            with _alone(folder):
                return _retrieve(pooch, file, f"{host}{file.name}", folder)
        except _Failed as failure:
            failures.append(f"  {host}{file.name}: {failure}")
        except OSError as error:
            raise DataError(
                f"{file.dataset}: the cache folder {folder} cannot be used ({error}). "
                "Make room or set ALCHEMY_DATA to a folder that you can write to."
            ) from error
    raise DataError(
        f"{file.dataset}: {file.name} could not be downloaded; expected {file.checksum}.\n"
        + "\n".join(failures)
        + "\nCall load again (a partial download is continued), set ALCHEMY_MIRROR to a host with the file, "
        f"or put it at {folder / file.name} yourself; {WITHOUT_NETWORK}."
    )


def _retrieve(pooch, file: RemoteFile, url: str, folder: Path) -> Path:
    """pooch's retrieve from one URL; a continued download with a wrong checksum is begun again, once."""
    download = _Resumable(folder / f"{file.name}.part")
    while True:
        try:
            return Path(pooch.retrieve(url, known_hash=file.checksum, fname=file.name, path=folder, downloader=download))
        except ValueError as error:  # pooch's word for a wrong checksum
            if not download.resumed:
                raise _Failed(f"wrong checksum, so the download was deleted ({error})") from error


class _Resumable:
    """A downloader for pooch: collects the body in a .part file and hands it over when it is complete."""

    def __init__(self, part: Path):
        self.part = part
        self.resumed = False  # whether the last call continued an earlier one

    def __call__(self, url: str, output_file: str, _pooch_instance: object) -> None:
        import requests
        import urllib3

        held = self._size()
        # identity: a host that compresses on the way would change the bytes that the checksum is about
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={held}-"} if held else {})
        response = None
        try:
            with requests.get(url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)) as response:
                if self._continues(response, held):
                    self._receive(response, held if self.resumed else 0)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            if response is None:
                # requests wraps the reason in a sentence about retries that were never made
                reason = getattr(error.args[0] if error.args else None, "reason", None) or error
                raise _Failed(f"no connection; check the network ({reason})") from error
            if not self._size():
                self.part.unlink(missing_ok=True)
            kept = f"{self._size():,} bytes are kept in {self.part}"
            raise _Failed(f"the connection was cut; {kept} ({error})") from error
        os.replace(self.part, output_file)

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _continues(self, response, held: int) -> bool:
        """Whether there is a body to receive; sets `resumed` if it belongs behind the `held` bytes."""
        status = response.status_code
        first = response.headers.get("Content-Range", "")
        complete = status == 416 and held > 0  # nothing comes after what we hold, unless it is of another file
        self.resumed = complete or (status == 206 and first.startswith(f"bytes {held}-"))
        if status != 200 and not self.resumed:
            raise _Failed(f"the server answered {status} {response.reason} {first}".rstrip() + "; expected 200 or 206")
        return not complete

    def _receive(self, response, start: int) -> None:
        """Write the body behind the `start` bytes already held."""
        from tqdm import tqdm

        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        with (
            open(self.part, "ab" if start else "wb") as sink,
            tqdm(
                total=total,
                initial=start,
                unit="B",
                unit_scale=True,
                desc=self.part.stem,
                disable=(total or 0) < PROGRESS_FROM,
            ) as bar,
        ):
            # decode_content=False: some hosts label a .gz file as a compressed response
            for chunk in response.raw.stream(CHUNK, decode_content=False):
                sink.write(chunk)
                bar.update(len(chunk))


@contextmanager
def _alone(folder: Path):
    """One process at a time downloads into the folder, where the system can lock one (not on Windows)."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems have no locks; the checksum still holds
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _pooch(dataset: str):
    """pooch, or a DataError that says how to get it (it is imported only when something is downloaded)."""
    try:
        import pooch
        import requests  # noqa: F401
        import tqdm  # noqa: F401
    except ImportError as error:
        raise DataError(
            f"{dataset} is downloaded with pooch, which needs {error.name}. "
            f"Run `pip install pooch requests tqdm`; {WITHOUT_NETWORK}."
        ) from error
    return pooch
