"""Where a stage is deployed to, and how large: the table `deploy` of its section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Cloud = Literal["aws", "gcp"]
Service = Literal["functions", "cloud-run"]


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the files of a platform do not say, because it differs from one account to the next."""

    cloud: Cloud
    region: str
    name: str
    """What the names of everything deployed begin with."""
    project: str = ""
    """The project at GCP; at AWS the account is that of the credentials."""
    artifacts: str = ""
    """The bucket of the packages."""
    memory: int = 1024
    """MB of a function."""
    timeout: int = 300
    """Seconds of a function, at most."""
    concurrency: int = 10
    """How many of one function run at once; the warehouse's writer is always one."""
    shards: int = 1
    """Shards of a stream at AWS."""
    architecture: str = "x86_64"
    """Of the functions: `x86_64` or `arm64`."""
    alarms: tuple[str, ...] = ()
    """The e-mail addresses that the cloud's own alarms go to."""
    log_days: int = 30
    """How long the functions' logs are kept."""
    backend: str = ""
    """Where Terraform keeps its state: `s3://bucket/key`, `gs://bucket/prefix`; empty: beside the platform."""
    backend_region: str = ""
    """The region of an S3 backend; the deployment's unless given."""
    database: str = ""
    """The class of a PostgreSQL server that is made for the warehouse; empty: there is one."""
    subnets: tuple[str, ...] = ()
    """The subnets that functions and that server live in; empty: none of them is in a network of yours."""
    security_groups: tuple[str, ...] = ()
    """Their security groups."""
    backup: tuple[str, ...] = ()
    """Streams that Firehose, or a subscription, writes to the lake as well, as they came."""
    nodes: int = 1
    """Nodes of a Bigtable cluster."""
    service: Service = "functions"
    """What runs the functions: the cloud's own, or at GCP services of Cloud Run, from an image."""
    image: str = ""
    """Of a service of Cloud Run: the image's name. Without a tag it is tagged with the package's hash."""
