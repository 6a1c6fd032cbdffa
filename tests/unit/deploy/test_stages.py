"""The stages of the examples: which are deployed, where, and who takes made-up records there."""

import json

import pytest

from asterism.deploy.derive import graph_of
from asterism.deploy.gcp.build import design
from asterism.deploy.graph import Graph
from asterism.deploy.package import Archive, Package
from asterism.deploy.terraform import document
from asterism.deploy.validate import validate
from asterism.errors import UsageError
from asterism.project.load import load
from asterism.run.pace import refuse_simulation

from .places import EXAMPLES

GIVEN = {"REPORT_TO": "team@example.com"}


def graph(name: str, stage: str) -> Graph:
    project, found = graph_of(EXAMPLES / name, stage, GIVEN)
    assert validate(project, found) == []
    return found


@pytest.mark.parametrize(("name", "stages"), [("occupancy", ("test", "prod")), ("jupiter", ("staging", "production"))])
def test_stages_are_in_projects_and_regions_of_their_own_and_share_no_name(name, stages):
    trying, real = (graph(name, stage) for stage in stages)
    assert (trying.production, real.production) == (False, True)
    for attribute in ("project", "region", "name", "artifacts"):
        assert getattr(trying.target, attribute) != getattr(real.target, attribute)
    stores = [{each.stores.warehouse, each.stores.lake, each.stores.log, each.stores.views} for each in (trying, real)]
    assert stores[0].isdisjoint(stores[1])


def test_the_events_of_occupancy_are_in_a_table_of_the_stage_which_comes_after_its_instance():
    package = Package(Archive("platform", {}), None)
    for stage in ("test", "prod", "gcp"):
        made = json.loads(json.dumps(document(design(graph("occupancy", stage), package))))["resource"]
        ((instance, described),) = made["google_bigtable_instance"].items()
        table = made["google_bigtable_table"]["events"]
        assert described["name"] == "iotincoming"
        assert table["name"] == f"incomingraw_{stage}"
        assert table["instance_name"] == f"${{google_bigtable_instance.{instance}.name}}"
        assert [each["family"] for each in table["column_family"]] == ["event", "realTimeStatus"]
        rules = [each for each in made["google_bigtable_gc_policy"].values() if "events" in each["table"]]
        assert [each["max_version"] for each in rules] == [[{"number": 2}]] * 2


PRODUCTION = [("jupiter", "production"), ("occupancy", "prod"), ("totesys", "prod"), ("user_data", "prod")]


@pytest.mark.parametrize(("name", "stage"), PRODUCTION)
def test_what_is_production_takes_no_made_up_records(name, stage):
    places = {f"{each}_URL": "memory:///" for each in ("WAREHOUSE", "LAKE", "LOG", "VIEWS", "EVENTS", "TOTESYS")}
    with pytest.raises(UsageError, match="production"):
        refuse_simulation(load(EXAMPLES / name, stage, {**GIVEN, **places}, sealed=True).stage)
