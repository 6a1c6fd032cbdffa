"""What every Lake must do: exercises that an adapter's own tests run against a real store.

    @pytest.mark.parametrize("exercise", LAKE_EXERCISES, ids=lambda exercise: exercise.__name__)
    def test_the_lake_conforms(exercise, make_lake):
        exercise(make_lake)

`make_lake` opens one empty lake; called again, the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from asterism.errors import LakeError
from asterism.ports.lake import Lake

MakeLake = Callable[[], Lake]
Exercise = Callable[[MakeLake], None]

HOSTILE = ("a b", "a+b", "ä", "漢字", "100%", "a=1&b=2", "'", "x" * 200, "a~b", "_", "a.b.c")
"""Parts of keys that a URL or a signature may take for something else."""


def objects_come_back_as_they_were_put(make_lake: MakeLake) -> None:
    """Byte for byte, from memory and from a file; what was there is replaced; another object of the lake sees it."""
    lake, other = make_lake(), make_lake()
    large = bytes(range(256)) * 50_000  # beyond what a store takes in one piece
    lake.put("raw/a", b"")
    lake.put("raw/b", b"\x00\xff")
    with TemporaryDirectory() as folder:
        file = Path(folder) / "large"
        file.write_bytes(large)
        lake.put("raw/large", file)
    assert [lake.get(key) for key in ("raw/a", "raw/b")] == [b"", b"\x00\xff"]
    assert other.get("raw/large") == large
    assert other.local("raw/large").read_bytes() == large
    lake.put("raw/b", b"again")
    assert other.get("raw/b") == b"again"


def what_is_not_there_is_said(make_lake: MakeLake) -> None:
    """With its key; a prefix with nothing under it is an empty list."""
    lake = make_lake()
    for ask in (lake.get, lake.local):
        assert "raw/none" in _refusal(ask)
    assert [*lake.list("raw/")] == []
    assert lake.delete("raw/") == 0


def keys_are_listed_in_byte_order(make_lake: MakeLake) -> None:
    """Those under a prefix, more than a page of them, whatever text they are."""
    lake = make_lake()
    keys = [f"raw/s/{part}/{number}" for part in HOSTILE for number in range(2)]
    for key in keys:
        lake.put(key, key.encode())
    lake.put("rawhide", b"")
    lake.put("raw/t/1", b"")
    assert [*lake.list("raw/s/")] == sorted(keys, key=str.encode)
    assert all(lake.get(key) == key.encode() for key in keys)
    assert {*lake.list("")} == {*keys, "rawhide", "raw/t/1"}


def objects_under_a_prefix_are_removed(make_lake: MakeLake) -> None:
    """And no other; removing again removes nothing."""
    lake = make_lake()
    for number in range(30):
        lake.put(f"processed/a/{number}", b"1")
    lake.put("processed/ab", b"1")
    assert lake.delete("processed/a/") == 30
    assert lake.delete("processed/a/") == 0
    assert [*lake.list("")] == ["processed/ab"]


def several_threads_put_at_once(make_lake: MakeLake) -> None:
    """Each object stands whole, and of one key the whole of one of them."""
    lake = make_lake()
    failed: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for number in range(5):
                lake.put(f"raw/{name}/{number}", name.encode() * 10_000)
                lake.put("raw/shared", name.encode() * 10_000)
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len([*lake.list("raw/")]) == 21
    assert lake.get("raw/shared") in {name.encode() * 10_000 for name in "abcd"}


def _refusal(ask: Callable[[str], object]) -> str:
    """What the LakeError names that is due."""
    try:
        ask("raw/none")
    except LakeError as error:
        return error.subject
    raise AssertionError("a LakeError was due")


LAKE_EXERCISES: tuple[Exercise, ...] = (
    objects_come_back_as_they_were_put,
    what_is_not_there_is_said,
    keys_are_listed_in_byte_order,
    objects_under_a_prefix_are_removed,
    several_threads_put_at_once,
)
