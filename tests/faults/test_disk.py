"""A full disk: the command says where and what to do, nothing is half done, and with room the next pull is exact."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Database
from faults.scene import Scene, behind, copied, differences, settle

_MUCH = """
    insert into design (last_updated, design_name, file_location, file_name)
    select now(), md5(i::text) || md5((-i)::text), md5((i * 7)::text), md5((i * 11)::text)
    from generate_series(1, 10000) i
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path, *, leave: int = 0) -> Path:
    """Take all the room of a disk but some bytes."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65_536))
        except OSError:
            pass
        file.truncate(file.tell() - leave)
    return ballast


def placed(scene: Scene, place: str, disk: Path) -> None:
    """Move a part of the stage onto the disk."""
    if place == "warehouse":
        scene.edit("asterism.toml", "duckdb:///.asterism/dev/warehouse.duckdb", f"duckdb:///{disk}/warehouse.duckdb")
    elif place == "lake":
        scene.edit("asterism.toml", '".asterism/dev/lake"', f'"{disk}/lake"')
    else:
        (scene.root / ".asterism").symlink_to(disk)


@pytest.mark.parametrize(
    ("place", "leave"),
    [("warehouse", 0), ("warehouse", 300_000), ("lake", 0), ("everything", 0), ("everything", 900_000)],
)
def test_a_disk_that_is_full_stops_a_pull_which_is_then_repeated(
    place: str, leave: int, disk: Path, tmp_path: Path, database: Database
) -> None:
    scene = copied(tmp_path / "totesys", database)
    placed(scene, place, disk)
    settle(scene, keep=50)
    scene("pull")
    ballast = fill(disk, leave=leave)
    database.execute(_MUCH, "update staff set last_name = 'Full' where staff_id = 1")
    said = scene("pull", code=1)
    assert str(scene.root / ".asterism" if place == "everything" else disk) in said
    assert "No space left on device" in said
    assert "Free some" in said
    with scene.open() as (warehouse, _):
        assert warehouse.engine.rows("select count(*) from dim_design") < [(1000,)]
        assert warehouse.engine.rows("select count(*) from dim_staff where last_name = 'Full'") == [(0,)]
        assert differences(warehouse) == {}
    ballast.unlink()
    scene("pull")
    with scene.open() as (warehouse, pull):
        assert behind(warehouse, database) == []
        assert differences(warehouse) == {}
        assert pull().removed == 0


def test_an_initial_load_onto_a_small_disk_goes_on_where_it_was(disk: Path, tmp_path: Path, database: Database) -> None:
    scene = copied(tmp_path / "totesys", database, chunk_rows=2000)
    placed(scene, "everything", disk)
    settle(scene)
    ballast = fill(disk, leave=3_000_000)
    said = scene("pull", code=1)
    assert "No space left on device" in said
    assert "Free some" in said
    assert "loading" in scene("status")
    assert [*disk.rglob("raw/totesys/_manifests/*.json")]
    ballast.unlink()
    scene("pull")
    with scene.open() as (warehouse, _):
        assert behind(warehouse, database) == []
        assert differences(warehouse) == {}


def test_a_full_folder_for_temporary_files_is_told(disk: Path, tmp_path: Path, database: Database) -> None:
    scene = copied(tmp_path / "totesys", database)
    settle(scene, keep=50)
    fill(disk, leave=8192)
    said = scene("pull", code=1, TMPDIR=str(disk))
    assert str(disk) in said
    assert "No space left on device" in said
    assert "Free some" in said
    scene("pull")
    with scene.open() as (warehouse, _):
        assert behind(warehouse, database) == []
