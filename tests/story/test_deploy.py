"""Each example at AWS, as MiniStack plays it: by Terraform with the real provider, each function with its own role.

Something goes in where its users bring it, and comes out where they ask for it; what stands is what was planned; a
second deployment leaves the data where it was; and all of it can be taken away.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import boto3
import httpx
import pytest
import terraform
from botocore.config import Config
from faults.soak_record import record
from ministack import COMMAND, ministack
from unit.adapters.amplitude.service import ExportServer
from unit.adapters.smtp.postbox import Postbox, postbox

from asterism.run.tokens import Tokens

EXAMPLES = Path(__file__).parents[2] / "examples"
ASTERISM = Path(sys.executable).with_name("asterism")
DRIFTS = {"aws_cloudwatch_metric_alarm", "aws_kinesis_firehose_delivery_stream"}
"""What MiniStack tells otherwise than it was told: dimensions of alarms, the time zone of Firehose."""
PATIENCE = 120.0
QUICK = "user_data"
"""The one that `make test` deploys; `make soak` deploys all."""
PLANTED = "planted-value-that-nobody-may-see"
TAKEN = re.compile(r"Error: \w+ing [^:]*\(([^()]+)\): .*already ?(?:exist|owned)", re.IGNORECASE)
"""How Terraform says that there is something of a name."""
DEPLOYED: dict[str, str] = {}
"""What `make soak` tells of each example that it has deployed and destroyed."""
LIBRARIES: list[Path] = []
"""The archive of the libraries, which is the same for all."""

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """AWS, where who has no permission is refused."""
    if not COMMAND.is_file():
        pytest.skip("no MiniStack: make .emulators/venv/.made")
    folder = tmp_path_factory.mktemp("cloud")
    settings = terraform.settings(folder)
    with ministack(folder, AUTH="true", ASTERISM_SCRATCH=str(folder / "scratch")) as environment:
        health = httpx.get(f"{environment['AWS_ENDPOINT_URL']}/_ministack/health").json()
        assert health["auth"] == "enabled"
        yield environment | settings


class Site:
    """A copy of an example, and what its user types and sends."""

    def __init__(self, root: Path, database: Any, environment: dict[str, str]) -> None:
        self.root, self.database = root, database
        self.environment = {**os.environ, **environment}
        self.name = f"{root.name.replace('_', '-')}-aws"
        self.endpoint = environment["AWS_ENDPOINT_URL"]
        self.region = "eu-west-1" if root.name == "jupiter" else "eu-west-2"
        # Who comes by this socket is asked for no password, so that one may stand there to be looked for.
        self.secrets = {"WAREHOUSE_URL": database.url.replace("postgres@", f"postgres:{PLANTED}@")}
        self.buckets = ["artifacts", f"{root.name}_aws_lake"]
        self.ends_by_age = True
        self.token = self.url = ""
        self.mail = Postbox()
        self._opened = ExitStack()
        self.client = self._opened.enter_context(httpx.Client())

    def close(self) -> None:
        """Let go of connections."""
        self._opened.close()

    def __call__(self, *arguments: str, **environment: str) -> Any:
        command = [ASTERISM, *arguments, "--project", self.root, "--stage", "aws", "--json"]
        given = {**self.environment, **environment}
        done = subprocess.run(command, capture_output=True, text=True, env=given, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout) if done.stdout.startswith("{") else None

    def aws(self, service: str) -> Any:
        client = boto3.client(
            service, endpoint_url=self.endpoint, region_name=self.region, aws_access_key_id="test",
            aws_secret_access_key="test", config=Config(read_timeout=PATIENCE),
        )  # fmt: skip
        return self._opened.enter_context(closing(client))

    def state(self) -> list[str]:
        file = self.root / ".asterism" / "deploy" / "aws" / "terraform.tfstate"
        return [each["type"] for each in json.loads(file.read_text())["resources"] if each["mode"] == "managed"]

    def deploy(self) -> None:
        """By Terraform. Then secrets are given their values, by hand."""
        told = self.applied()
        api = told["url"].removeprefix("http://").partition(".")[0]
        # MiniStack's own names end in localhost, which not every machine resolves.
        self.url = f"{self.endpoint}/_aws/execute-api/{api}/$default"
        folder = self.root / ".asterism" / "tokens"
        if not self.token:
            self.token, _ = Tokens(folder).create(("admin",))
        named = {"ASTERISM_TOKENS": (folder / "tokens.json").read_text(), **self.secrets}
        for name in told["secrets"]:
            value = named[name.removeprefix(f"{self.name}/")]
            self.aws("secretsmanager").put_secret_value(SecretId=name, SecretString=value)
        bearer = {"Authorization": f"Bearer {self.token}"}
        client = httpx.Client(base_url=self.url, headers=bearer, timeout=60, trust_env=False)
        self.client = self._opened.enter_context(client)
        self.until(lambda: self.client.get("/health").status_code == 200)  # a busy machine unpacks for half a minute

    def applied(self) -> Any:
        """What `deploy` tells.

        On a busy machine MiniStack loses an answer now and then: Terraform asks once more, and is told that what it
        made is there already. Then a first deployment begins again, in an empty cloud. A name that MiniStack was not
        asked for a second time is taken, and that fails.
        """
        try:
            return self("deploy")
        except AssertionError as error:
            if self.url or not lost(str(error), self.environment):
                raise
        httpx.post(f"{self.endpoint}/_ministack/reset", timeout=60).raise_for_status()
        (self.root / ".asterism" / "deploy" / "aws" / "terraform.tfstate").unlink()
        return self("deploy")

    def destroy(self, *options: str) -> Any:
        """What holds data goes last, so the other buckets' overrides have nothing to override."""
        self.point(self.buckets[1:])
        return self("destroy", "--yes", "aws", *options)

    def point(self, buckets: list[str]) -> None:
        """Have Terraform call MiniStack."""
        folder = self.root / ".asterism" / "deploy" / "aws"
        terraform.point_at(folder, self.endpoint, buckets, ends_by_age=self.ends_by_age)

    def drifted(self) -> set[str]:
        told = self("plan", "--refresh")
        assert told["destroyed"] == []
        return {
            each["address"] for each in told["resources"]
            if each["change"] != "keep" and each["address"].partition(".")[0] not in DRIFTS
        }  # fmt: skip

    def post(self, stream: str, *records: Any) -> list[str]:
        """As a client does: what the gateway had no time for is sent again, and may be there twice."""

        def sent() -> list[str] | None:
            answer = self.client.post(f"/streams/{stream}", json=[*records])
            assert answer.status_code in {202, 502, 503, 504}, answer.text
            return answer.json()["ids"] if answer.status_code == 202 else None

        ids: list[str] = self.until(sent)
        return ids

    def ask(self, query: str) -> list[dict[str, Any]]:
        answer = self.client.get(f"/queries/{query}")
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["rows"]
        return rows

    def clock(self, verb: str) -> None:
        """Have done at once what the clock calls for within the minute, by what its rule sends."""
        (target,) = self.aws("events").list_targets_by_rule(Rule=f"{self.name}-{verb}")["Targets"]
        functions = self.aws("lambda")

        def called() -> Any:
            try:
                return functions.invoke(FunctionName=target["Arn"], Payload=target["Input"].encode())
            except (
                functions.exceptions.TooManyRequestsException
            ):  # the clock itself was quicker, and one runs at a time
                return None

        answer = self.until(called)
        told = answer["Payload"].read()
        assert "FunctionError" not in answer, told

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a SELECT answers in the warehouse; nothing while its table is not there."""
        (table,) = [word for word in sql.split() if "." in word or word.startswith(("dim_", "fact_", "d_", "f_"))][:1]
        return self.database.rows(sql) if self.database.rows(f"SELECT to_regclass('{table}')") != [(None,)] else []

    def until(self, found: Callable[[], Any]) -> Any:
        """Wait for something to be there, and answer it."""
        end = time.monotonic() + PATIENCE
        while not (there := found()):
            assert time.monotonic() < end, [each for each in self.said() if " START" not in each][-20:]
            time.sleep(0.1)
        return there

    def said(self) -> list[str]:
        """What functions wrote into their logs."""
        logs, found = self.aws("logs"), []
        for group in logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{self.name}")["logGroups"]:
            events = logs.filter_log_events(logGroupName=group["logGroupName"], limit=1000)["events"]
            found += [f"{group['logGroupName']}: {each['message']}" for each in events]
        return found

    def written(self) -> str:
        """What Terraform has of it, and what the functions wrote."""
        folder = self.root / ".asterism" / "deploy" / "aws"
        files = [file for file in folder.iterdir() if file.suffix in {".json", ".tfstate", ".backup"}]
        assert {"main.tf.json", "applied.json", "terraform.tfstate"} <= {file.name for file in files}
        return "\n".join([*(file.read_text() for file in files), *self.said()])

    def objects(self, bucket: str, prefix: str) -> dict[str, bytes]:
        store = self.aws("s3")
        keys = [each["Key"] for each in store.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]
        return {key: store.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def lost(said: str, environment: dict[str, str]) -> bool:
    """Whether a name is taken, as Terraform says, because MiniStack was asked for it a second time."""
    file, taken = Path(environment["MINISTACK_REPEATED"]), TAKEN.search(" ".join(said.split()))
    asked = unquote(file.read_text(errors="replace")).splitlines() if file.exists() else []
    return taken is not None and any(all(part in each for part in taken[1].split("/")) for each in asked)


def person_by_http(site: Site) -> None:
    """JSON goes in by HTTP: a person comes out of the warehouse, and lines out of the lake."""
    ana = {"name": {"first_name": "Ana", "last_name": "Roe"}, "address": {"zip_code": "02169"}}
    first, second = site.post("raw-users", ana, {"x": 1})
    sql = f"SELECT first_name, last_name, zip_code FROM streams.users WHERE _id = 'extract/{first}/0'"
    assert site.until(lambda: site.rows(sql)) == [("Ana", "Roe", "02169")]
    assert "02169" in {each["zip_code"] for each in site.ask("users_by_zip_code")}
    assert site.until(lambda: site.rows(f"SELECT place FROM streams._quarantine WHERE record_id = '{second}'"))
    lines = site.until(lambda: site.objects("user-data-aws-lake", "lake/backup/raw-users/"))
    delivered = [json.loads(line) for body in lines.values() for line in body.splitlines()]
    assert delivered[:2] == [ana, {"x": 1}]
    assert all(each in (ana, {"x": 1}) for each in delivered)
    assert re.fullmatch(r"lake/backup/raw-users/\d{4}/\d\d/\d\d/\d\d/[^/]+", min(lines))
    # Of a template for folders MiniStack makes no partitions, so all hours are asked.
    rows = site("query", "--on", "lake", "SELECT record FROM backup_raw_users", **site.secrets)
    assert ana in [json.loads(each["record"]) for each in rows["rows"]]


def sensors_by_http(site: Site) -> None:
    """The smoke test's samples go in by HTTP, and are read from the table, three views and all queries."""
    site.post("accesses", {"service": "door-1", "event": 1, "eventTime": "2019-08-05 14:02:11"})
    site.until(lambda: site.rows("SELECT 1 FROM streams.accesses"))
    told = site("smoke", "--url", site.url, "--token", site.token)
    assert {"view occupancy", "view hourly", "read from streams.accesses"} <= {each["what"] for each in told["steps"]}
    stored = {"key": "door-1", "until": "2019-08-05T14:02:12", "since": "2019-08-05T14:02:11"}
    event, *_ = site.until(lambda: site.client.get("/events/accesses", params=stored).json()["items"])
    assert (event["event"]["event"], event["realTimeStatus"]["writeTime"]) == (1, "2019-08-05T14:02:11")


def money_by_http(site: Site) -> None:
    """An event of money goes through table, transform and fraud rules; a mail is sent when somebody calls for it."""
    site.clock("pull-amplitude")  # of which the models of all events are made as well
    smoke = site("smoke", "--url", site.url, "--token", site.token)
    assert "read from streams.sns_events" in {each["what"] for each in smoke["steps"]}
    context = {"accountId": "a1", "savedAmount": "100::WHOLE_CURRENCY::ZAR"}
    event = {"userId": "u1", "eventType": "SAVING_PAYMENT_SUCCESSFUL", "timestamp": 1_772_000_000_000}
    (origin,) = site.post("sns-events", event | {"context": context})
    sql = f"SELECT amount FROM streams.user_behaviour WHERE _id = 'behave/{origin}/0'"
    assert site.until(lambda: site.rows(sql)) == [(1_000_000,)]
    site.until(lambda: site.client.get("/views/fraud/u1").status_code == 200)
    before = len(site.mail.messages)
    site.post("daily-runs", {"schedule": "daily-metrics"})
    assert "metrics" in site.mail.wait(before + 1, PATIENCE)[-1]["subject"]


def file_into_s3(site: Site) -> None:
    """A file appears in the bucket of the game, and its users in the star."""
    user = f"u{time.time_ns()}"
    event = {
        "arrival_ts": 1_546_300_800, "country_code": "GB",
        "data": {"category": "user", "user_id": user, "session_id": "s1", "client_ts": 1_546_300_790},
        "user_meta": {"install_ts": 1_546_300_000, "origin": "organic"},
    }  # fmt: skip
    body = gzip.compress(json.dumps(event).encode() + b"\n")
    site.aws("s3").put_object(Bucket="liberta-aws-rawevents", Key=f"2019/01/01/{user}.gz", Body=body)
    assert site.until(lambda: site.rows(f"SELECT country_code FROM rawevents.events WHERE data_user_id = '{user}'"))
    site.until(lambda: site.rows(f"SELECT user_id FROM d_user WHERE user_id = '{user}'"))


def change_at_the_source(site: Site) -> None:
    """Rows of the operational database come into the stars when the schedule's event comes."""
    site("simulate", "--limit", "20", "--speed", "0", **site.secrets)
    before = site.rows("SELECT count(*) FROM fact_sales_order") or [(0,)]
    site.clock("pull-totesys")
    assert site.rows("SELECT count(*) FROM fact_sales_order") >= before
    assert site.ask("top_sales_staff")


WAYS = {
    "jupiter": money_by_http,
    "liberta": file_into_s3,
    "occupancy": sensors_by_http,
    "totesys": change_at_the_source,
    "user_data": person_by_http,
}
KEPT = {
    "jupiter": "SELECT count(*) FROM streams.user_behaviour",
    "liberta": "SELECT count(*) FROM rawevents.events",
    "occupancy": "SELECT count(*) FROM streams.accesses",
    "totesys": "SELECT count(*) FROM fact_sales_order",
    "user_data": "SELECT count(*) FROM streams.users",
}


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path, cloud: dict[str, str], make_database: Any) -> Iterator[Site]:
    """An example that is about to be deployed, with the secrets that it is going to need."""
    name = request.param
    root = tmp_path / name
    shutil.copytree(EXAMPLES / name, root, ignore=shutil.ignore_patterns(".asterism", "__pycache__", ".*_cache"))
    settings = root / "asterism.toml"
    catalogue = f'catalogue = "athena://{name}_aws?output=s3://{name.replace("_", "-")}-aws-artifacts/answers"'
    settings.write_text(settings.read_text().replace("[aws]", f"[aws]\n{catalogue}"))
    made = Site(root, make_database(), cloud)
    made.buckets += ["liberta_aws_rawevents"] if name == "liberta" else []
    made.point(made.buckets)
    for library in LIBRARIES:
        os.link(library, root / ".asterism" / "deploy" / "aws" / library.name)
    if name == "totesys":
        made.secrets["TOTESYS_URL"] = make_database().url
    with closing(made), postbox() as made.mail, closing(ExportServer()) as amplitude:
        if name == "jupiter":
            keys = {"AMPLITUDE_KEY": "the-key", "AMPLITUDE_SECRET": "the-secret"}
            made.secrets |= {**keys, "MAIL_URL": made.mail.url}
            settings.write_text(settings.read_text().replace("https://amplitude.com/api/2/export", amplitude.url))
        yield made


def stands(site: Site) -> None:
    """It is deployed, works, and is what was planned."""
    site.deploy()
    LIBRARIES[:] = (site.root / ".asterism" / "deploy" / "aws").glob("libraries-*.zip")
    WAYS[site.root.name](site)
    assert site.drifted() == set()
    written = site.written()
    assert "START" in written
    assert PLANTED not in written
    assert site.token not in written


def goes(site: Site) -> None:
    site.destroy("--with-data")
    assert site.state() == []


@pytest.mark.slow(130)
@pytest.mark.parametrize("site", [QUICK], indirect=True)
def test_what_goes_into_a_deployed_platform_comes_out_of_it(site: Site) -> None:
    site.ends_by_age = False  # that takes a minute a bucket
    site.point(site.buckets)
    stands(site)
    goes(site)


def test_a_name_is_taken_for_lost_only_where_it_was_asked_for_twice(cloud: dict[str, str]) -> None:
    said = (
        "Error: creating SQS Queue ({}): operation error SQS: CreateQueue, https response error StatusCode: 400,\n"
        "RequestID: 1, QueueNameExists: A queue already exists with the same name"
    )
    for name, attempt in (("once", 1), ("twice", 2)):
        body = {"Action": "CreateQueue", "QueueName": f"shop/{name}"}
        headers = {"amz-sdk-request": f"attempt={attempt}; max=2"}
        httpx.post(cloud["AWS_ENDPOINT_URL"], data=body, headers=headers, timeout=60)
    assert [lost(said.format(f"shop/{name}"), cloud) for name in ("once", "twice")] == [False, True]
    assert not lost("Error: creating SQS Queue (shop/twice): AccessDenied", cloud)
    path = "/2015-03-31/functions/shop-writer/policy"
    headers = {"amz-sdk-request": "attempt=2; max=2"}
    httpx.post(f"{cloud['AWS_ENDPOINT_URL']}{path}", json={"StatementId": "terraform-1"}, headers=headers, timeout=60)
    said = "Error: adding Lambda Permission (shop-writer/terraform-{}): The statement id provided already exists"
    assert [lost(said.format(number), cloud) for number in (1, 2)] == [True, False]


@pytest.mark.soak
@pytest.mark.parametrize("site", WAYS, indirect=True)
def test_an_example_works_is_changed_and_destroyed_and_its_data_goes_last(site: Site) -> None:
    begun = time.monotonic()
    stands(site)
    made = len(site.state())
    (before,) = site.rows(KEPT[site.root.name])
    settings = site.root / "asterism.toml"
    settings.write_text(settings.read_text().replace("[aws.deploy]", "[aws.deploy]\nmemory = 512"))
    changed = {each["address"] for each in site("plan")["resources"] if each["change"] != "keep"}
    assert "aws_s3_object.platform" in changed
    site.deploy()
    assert site.drifted() == set()
    assert site.rows(KEPT[site.root.name]) >= [before]
    WAYS[site.root.name](site)
    kept = site.destroy()["kept"]
    assert any(each.startswith("aws_s3_bucket.") for each in kept)
    assert {"aws_lambda_function", "aws_iam_role"} & set(site.state()) == set()
    goes(site)
    DEPLOYED[site.root.name] = f"| {site.root.name} | {made} | {len(kept)} | {(time.monotonic() - begun) / 60:.1f} |"
    if DEPLOYED.keys() == WAYS.keys():
        table = ["| example | resources | of them hold data | minutes |", "|---|---:|---:|---:|", *DEPLOYED.values()]
        record("deployed", "\n".join(table))
