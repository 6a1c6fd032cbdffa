"""Service accounts: one a function, and its roles on single resources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from asterism.deploy.gcp.bigtable import tables_of
from asterism.deploy.gcp.dataset import datasets_of
from asterism.deploy.gcp.setting import PROJECT, account_of, bucket_ref
from asterism.deploy.gcp.topic import subscription_label
from asterism.deploy.graph import Function
from asterism.deploy.resource import Grant, Resource, label
from asterism.deploy.setting import Place, Setting, reference

LONGEST = 30
"""Characters of an account's id."""


def accounts(setting: Setting) -> Iterator[Resource]:
    """The accounts, and what each may do."""
    place = setting.graph.place("deploy")
    yield _account(setting, "caller", "calls functions: Scheduler and Pub/Sub are it", place)
    for function in setting.graph.functions:
        yield _account(setting, function.name, f"what {function.name} is", function.place)
        yield from permissions(setting, function)


def account_id(setting: Setting, name: str) -> str:
    """The id of an account: shortened where it would be too long, and told apart by a checksum then."""
    whole = setting.name(name)
    if len(whole) <= LONGEST:
        return whole
    total = sum(position * ord(letter) for position, letter in enumerate(whole, 1)) % 46656
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    mark = digits[total // 1296] + digits[total // 36 % 36] + digits[total % 36]
    return f"{whole[: LONGEST - 4].rstrip('-')}-{mark}"


def _account(setting: Setting, name: str, purpose: str, place: str) -> Resource:
    arguments = {"account_id": account_id(setting, name), "display_name": setting.name(name)}
    return Resource("google_service_account", label(name), arguments, purpose, place)


def permissions(setting: Setting, function: Function) -> Iterator[Resource]:
    """Roles on topics, subscriptions, tables, buckets, datasets and secrets, one by one."""
    yield from _logs(function)
    yield from _tables(setting, function)
    yield from _objects(setting, function)
    yield from _warehouse(setting, function)
    for use in function.uses_of("secret"):
        secret = {"secret_id": reference("google_secret_manager_secret", label(use.name), "secret_id")}
        kind = "google_secret_manager_secret_iam_member"
        role, why = "roles/secretmanager.secretAccessor", f"reads the secret {use.name}"
        yield _member(function, kind, use.name, secret, role, why)


def _logs(function: Function) -> Iterator[Resource]:
    for use in function.uses_of("log"):
        if use.access == "append":
            topic = {"topic": reference("google_pubsub_topic", label(use.name), "name")}
            kind, role = "google_pubsub_topic_iam_member", "roles/pubsub.publisher"
            yield _member(function, kind, use.name, topic, role, f"appends to {use.name}")
    for reader in function.readers:
        own = subscription_label(function, reader)
        subscription = {"subscription": reference("google_pubsub_subscription", own, "name")}
        kind, role = "google_pubsub_subscription_iam_member", "roles/pubsub.subscriber"
        yield _member(function, kind, own, subscription, role, f"reads {reader.stream}")
    for use in function.uses_of("log"):
        if use.access == "read":
            topic = {"topic": reference("google_pubsub_topic", label(use.name), "name")}
            kind, role = "google_pubsub_topic_iam_member", "roles/pubsub.viewer"
            yield _member(function, kind, f"{use.name}_view", topic, role, f"looks who reads {use.name}")


def _tables(setting: Setting, function: Function) -> Iterator[Resource]:
    for each in tables_of(setting):
        kinds = {use.access for use in function.uses_of(each.thing)}
        if kinds:
            table = {
                "instance": reference("google_bigtable_instance", label(each.instance_label), "name"),
                "table": reference("google_bigtable_table", each.thing, "name"),
            }
            role, verb = ("user", "writes") if "write" in kinds else ("reader", "reads")
            kind, why = "google_bigtable_table_iam_member", f"{verb} {each.purpose}"
            yield _member(function, kind, each.thing, table, f"roles/bigtable.{role}", why)


def _objects(setting: Setting, function: Function) -> Iterator[Resource]:
    uses = [(use, setting.graph.stores.lake, "the lake") for use in function.uses_of("lake")]
    uses += [(use, use.name, f"objects of {use.name}") for use in function.uses_of("source")]
    for use, url, what in uses:
        bucket = {"bucket": bucket_ref(setting, Place.of(url).bucket)}
        role = "roles/storage.objectUser" if use.access == "write" else "roles/storage.objectViewer"
        yield _member(
            function, "google_storage_bucket_iam_member", Place.of(url).bucket, bucket, role, f"{use.access}s {what}"
        )


def _warehouse(setting: Setting, function: Function) -> Iterator[Resource]:
    uses = function.uses_of("warehouse")
    if not uses or urlsplit(setting.graph.stores.warehouse).scheme != "bigquery":
        return
    writes = any(use.access == "write" for use in uses)
    role, why = ("dataEditor", "writes the warehouse") if writes else ("dataViewer", "reads the warehouse")
    for dataset in datasets_of(setting):
        where = {"dataset_id": reference("google_bigquery_dataset", label(dataset), "dataset_id")}
        kind = "google_bigquery_dataset_iam_member"
        yield _member(function, kind, f"dataset_{dataset}", where, f"roles/bigquery.{role}", why)
    # Running a job is a permission on the project: the service has no narrower one.
    jobs = {"project": PROJECT.ref}
    yield _member(function, "google_project_iam_member", "jobs", jobs, "roles/bigquery.jobUser", "runs queries")
    session = "roles/bigquery.readSessionUser"
    yield _member(function, "google_project_iam_member", "sessions", jobs, session, "reads answers in large pieces")


def _member(function: Function, kind: str, name: str, where: dict[str, Any], role: str, why: str) -> Resource:
    arguments = where | {"role": role, "member": f"serviceAccount:{account_of(function)}"}
    grant = Grant((role,), tuple(f"{key} {value}" for key, value in where.items()), why)
    return Resource(
        kind, label(function.name, name), arguments, f"{function.name} {why}", function.place,
        role=function.name, grants=(grant,),
    )  # fmt: skip
