"""The graph of a deployment: who is called by what, and may what."""

from asterism.deploy import derive
from asterism.deploy.aws.build import design
from asterism.deploy.derive import graph_of
from asterism.deploy.graph import Objects, Reader, Records
from asterism.deploy.package import Archive, Package
from asterism.run.lineage import STREAM
from asterism.run.seen import handed_on

from .places import EXAMPLES, with_deploy

PACKAGE = Package(Archive("platform", {}), Archive("libraries", {}))
NOTIFIED = """
from asterism.sources import Files

platform.pull(Files("s3://shop-aws-in", table="deliveries"), into="deliveries", notified=orders)
"""
TELLING = """
sums = platform.stream("sums", Order, id_field="number")


@platform.transform(orders, into=sums)
def add(order: Order) -> Order:
    return order
"""


def functions(root, stage="aws"):
    _, graph = graph_of(root, stage, {})
    return graph, {each.name: each for each in graph.functions}


def appended(function):
    return {use.name for use in function.uses_of("log") if use.access == "append"}


def test_a_view_that_waits_for_its_table_is_woken_by_what_the_writer_hands_on_where_the_log_has_no_positions():
    graph, named = functions(EXAMPLES / "occupancy", "gcp")
    stored = handed_on("accesses")
    assert stored in {log.name for log in graph.logs}
    assert stored in appended(named["writer"])
    assert named["view-hourly"].starts == (Records(stored, "view-hourly"),)
    assert named["view-hourly"].readers == (Reader(stored, "view:hourly"),)
    graph, named = functions(EXAMPLES / "occupancy")
    assert stored not in {log.name for log in graph.logs}
    assert named["view-hourly"].starts == (Records("accesses", "view-hourly"),)
    assert named["view-hourly"].uses_of("warehouse") == named["view-hourly"].uses_of("secret") == ()


def test_a_store_that_tells_of_objects_through_a_stream_does_not_call_the_writer_besides(tmp_path):
    root = with_deploy(tmp_path)
    (root / "platform.py").write_text((root / "platform.py").read_text() + NOTIFIED)
    _, named = functions(root)
    assert Reader("orders", "notified:deliveries") in named["writer"].readers
    assert not [start for start in named["writer"].starts if isinstance(start, Objects)]
    (root / "platform.py").write_text((root / "platform.py").read_text().replace(", notified=orders", ""))
    _, named = functions(root)
    assert [start.name for start in named["writer"].starts if isinstance(start, Objects)] == ["deliveries"]


def test_where_ids_do_not_tell_of_what_a_record_was_made_the_stream_that_tells_is_there(tmp_path):
    root = with_deploy(tmp_path)
    (root / "platform.py").write_text((root / "platform.py").read_text() + TELLING)
    graph, named = functions(root)
    assert derive.LINEAGE == STREAM.name in {log.name for log in graph.logs}
    assert appended(named["transform-add"]) == {"sums", "_quarantine", "_lineage"}
    assert "_lineage" in {use.name for use in named["writer"].uses_of("log") if use.access == "read"}


def test_whoever_sends_a_report_may_take_in_first_what_was_acknowledged():
    _, named = functions(EXAMPLES / "jupiter")
    reads = {use.name for use in named["writer"].uses_of("log") if use.access == "read"}
    assert {use.name for use in named["report"].uses_of("log") if use.access == "read"} == reads
    assert [use.access for use in named["report"].uses_of("lake")] == ["write"]


def test_alerts_to_a_topic_are_granted_on_that_topic(tmp_path):
    topic = "arn:aws:sns:eu-west-2:123456789012:on-call"
    root = with_deploy(tmp_path)
    settings = root / "asterism.toml"
    settings.write_text(settings.read_text().replace("[aws]", f'[aws]\nalerts = ["awssns://{topic}"]'))
    graph, _ = functions(root)
    grants = [grant for each in design(graph, PACKAGE).resources if each.role == "watch" for grant in each.grants]
    assert [grant.resources for grant in grants if grant.actions == ("sns:Publish",)] == [(topic,)]
