import os
import resource
import signal
import subprocess
import sys
import threading

import pytest

from asterism.adapters.obstore.lake import ObstoreLake
from asterism.errors import LakeError, UsageError


@pytest.fixture(params=["folder", "memory"])
def lake(request, tmp_path):
    return ObstoreLake((tmp_path / "a lake").as_uri() if request.param == "folder" else "memory:///")


def test_an_object_is_what_was_put_last(lake, tmp_path):
    lake.put("raw/a/1", b"one")
    lake.put("raw/a/1", b"two")
    (tmp_path / "file").write_bytes(b"three")
    lake.put("raw/a/2", tmp_path / "file")
    assert lake.get("raw/a/1") == b"two"
    assert lake.local("raw/a/2").read_bytes() == b"three"


def test_keys_are_listed_in_byte_order_and_by_whole_names(lake):
    for key in ("raw/b/1", "raw/a/10", "raw/a/2", "raw/ab/1", "raw/a/B", "raw/a/é"):
        lake.put(key, b"x")
    assert [*lake.list("raw/a")] == ["raw/a/10", "raw/a/2", "raw/a/B", "raw/a/é"]
    assert [*lake.list("")] == ["raw/a/10", "raw/a/2", "raw/a/B", "raw/a/é", "raw/ab/1", "raw/b/1"]
    assert [*lake.list("nothing")] == []


def test_delete_removes_what_is_under_a_prefix_and_counts_it(lake):
    for number in range(1500):
        lake.put(f"raw/a/{number}", b"x")
    lake.put("raw/b", b"x")
    assert lake.delete("raw/a") == 1500
    assert [*lake.list("")] == ["raw/b"]
    assert lake.delete("raw/a") == 0
    assert lake.delete("raw/b") == 1
    assert [*lake.list("")] == []


def test_a_copy_is_of_the_object_as_it_is_now():
    lake = ObstoreLake("memory:///")
    lake.put("raw/1", b"one")
    first = lake.local("raw/1")
    lake.put("raw/1", b"two")
    assert lake.local("raw/1").read_bytes() == b"two"
    lake.delete("raw/1")
    assert not first.exists()


@pytest.mark.parametrize("ask", [ObstoreLake.get, ObstoreLake.local])
def test_a_missing_object_is_named(lake, ask):
    with pytest.raises(LakeError, match="there is no such object") as caught:
        ask(lake, "raw/none")
    assert caught.value.subject.endswith("raw/none")


def test_a_reader_never_sees_half_an_object(tmp_path):
    lake, path = ObstoreLake(tmp_path.as_uri()), tmp_path / "k"
    sizes, stop = set(), threading.Event()

    def watch() -> None:
        while not stop.is_set():
            if path.exists():
                sizes.add(path.stat().st_size)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(5):
        lake.put("k", os.urandom(8_000_000))
    stop.set()
    watcher.join()
    assert sizes == {8_000_000}


FULL = """
import resource, signal, sys
from pathlib import Path
from asterism.adapters.obstore.lake import ObstoreLake
from asterism.errors import LakeError
folder = Path(sys.argv[1])
lake = ObstoreLake(folder.as_uri())
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    lake.put("raw/big", bytes(1_000_000))
except LakeError as error:
    print(error.subject, error.fact, error.remedy, [*folder.rglob("big*")])
"""


@pytest.mark.skipif(
    not hasattr(resource, "RLIMIT_FSIZE") or not hasattr(signal, "SIGXFSZ"), reason="no file size limit here"
)
def test_a_disk_that_is_full_leaves_nothing_and_says_what_to_do(tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "raw/big" in done.stdout
    assert "File too large" in done.stdout
    assert "Free some space" in done.stdout
    assert done.stdout.strip().endswith("[]")


def test_an_unknown_scheme_names_those_that_are_known():
    with pytest.raises(UsageError, match="'ftp' is not known") as caught:
        ObstoreLake("ftp://host/x")
    assert "s3://" in caught.value.remedy


def test_a_folder_that_cannot_be_written_is_an_error_of_the_lake(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LakeError):
        ObstoreLake((tmp_path / "file" / "lake").as_uri())
