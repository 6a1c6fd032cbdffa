"""What functions may do. Each policy of each example is walked, statement by statement."""

import pytest

from asterism.deploy.aws.build import design as aws_design
from asterism.deploy.derive import graph_of
from asterism.deploy.gcp.build import design as gcp_design
from asterism.deploy.package import Archive, Package

from .places import EXAMPLES, NAMES, with_deploy

PACKAGE = Package(Archive("platform", {}), Archive("libraries", {}))
NO_NARROWER = {
    "ec2:DescribeNetworkInterfaces": "describing network interfaces is granted on everything or not at all",
}
WHOLE_PROJECT = {
    "roles/bigquery.jobUser": "who runs a job is a question of the project",
    "roles/bigquery.readSessionUser": "as jobUser",
}


def statements(root, stage="aws"):
    _, graph = graph_of(root, stage, {})
    for each in aws_design(graph, PACKAGE).resources:
        if each.kind == "aws_iam_policy_document":
            for statement in each.arguments["statement"]:
                yield each.name, statement


def allowed(statement):
    return statement["effect"] == "Allow" and "principals" not in statement


@pytest.mark.parametrize("name", NAMES)
def test_no_role_may_do_everything_or_touch_everything(name):
    wide = []
    for owner, statement in statements(EXAMPLES / name):
        wide += [(owner, action) for action in statement["actions"] if "*" in action]
        if allowed(statement) and "*" in statement["resources"]:
            wide += [(owner, action) for action in statement["actions"]]
    assert wide == []


def test_what_knows_no_narrower_resource_is_named_with_its_reason(tmp_path):
    root = with_deploy(tmp_path, subnets=["subnet-1"], security_groups=["sg-1"], database="db.t4g.micro")
    wide = {
        action
        for _, statement in statements(root)
        if allowed(statement) and "*" in statement["resources"]
        for action in statement["actions"]
    }
    assert wide == set(NO_NARROWER)


@pytest.mark.parametrize("name", NAMES)
def test_every_policy_belongs_to_one_role_and_every_function_has_its_own(name):
    _, graph = graph_of(EXAMPLES / name, "aws", {})
    resources = aws_design(graph, PACKAGE).resources
    roles = [each.arguments["role"] for each in resources if each.kind == "aws_lambda_function"]
    assert len(set(roles)) == len(roles) == len(graph.functions)
    held = [each.arguments["role"] for each in resources if each.kind == "aws_iam_role_policy"]
    assert len(set(held)) == len(held)


@pytest.mark.parametrize("name", NAMES)
def test_no_account_has_a_role_on_the_whole_project_but_those_that_know_no_narrower_one(name):
    _, graph = graph_of(EXAMPLES / name, "gcp", {})
    resources = gcp_design(graph, PACKAGE).resources
    held = {each.arguments["role"] for each in resources if each.kind == "google_project_iam_member"}
    assert held <= set(WHOLE_PROJECT)
    roles = {each.arguments["role"] for each in resources if "_iam_member" in each.kind}
    assert not roles & {"roles/owner", "roles/editor", "roles/viewer"}


def test_a_function_reads_the_secrets_that_it_needs_and_is_told_which_it_may_not():
    _, graph = graph_of(EXAMPLES / "jupiter", "aws", {})
    may = {each.name: {use.name for use in each.uses_of("secret")} for each in graph.functions}
    assert may["http"] == {"WAREHOUSE_URL", "ASTERISM_TOKENS"}
    assert may["report"] == {"WAREHOUSE_URL", "MAIL_URL"}
    # Its triggers send reports.
    assert may["writer"] == {"WAREHOUSE_URL", "AMPLITUDE_KEY", "AMPLITUDE_SECRET", "MAIL_URL"}
    assert may["view-fraud"] == set()
    functions = {each.name: each for each in graph.functions}
    assert set(graph.sealed(functions["http"])) == {"AMPLITUDE_KEY", "AMPLITUDE_SECRET", "MAIL_URL"}
