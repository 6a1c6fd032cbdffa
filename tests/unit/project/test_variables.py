from pathlib import Path

import pytest

from asterism.project.variables import UnresolvedError, Variables


def variables(
    environment: dict[str, str] | None = None, declared: dict[str, str] | None = None, secrets: Path = Path("none")
) -> Variables:
    return Variables(environment or {}, declared or {}, secrets)


def test_the_environment_wins_over_what_the_stage_declares():
    assert variables({"HOST": "a"}, {"HOST": "b"}).interpolate("x-${HOST}-y") == "x-a-y"
    assert variables({}, {"HOST": "b"}).interpolate("${HOST}") == "b"


def test_a_default_stands_in_for_a_variable_that_is_unset_or_empty():
    assert variables().interpolate("${HOST:-here}") == "here"
    assert variables({"HOST": ""}).interpolate("${HOST:-here}") == "here"
    assert variables().interpolate("${HOST:-}") == ""
    assert variables().interpolate("${URL:-embedded:///a/b}") == "embedded:///a/b"


def test_a_declared_variable_may_refer_to_others():
    assert variables({"USER": "u"}, {"URL": "pg://${USER}@${HOST:-h}"}).interpolate("${URL}") == "pg://u@h"


def test_variables_in_a_circle_are_refused():
    with pytest.raises(UnresolvedError, match="A → B → A"):
        variables({}, {"A": "${B}", "B": "${A}"}).interpolate("${A}")


def test_a_secret_is_read_from_the_environment_or_its_file(tmp_path):
    (tmp_path / "PASSWORD").write_text("from a file\n")
    assert variables(secrets=tmp_path).interpolate("${secret:PASSWORD}") == "from a file"
    assert variables({"PASSWORD": "here"}, secrets=tmp_path).interpolate("${secret:PASSWORD}") == "here"


def test_a_secret_is_never_taken_from_what_the_stage_declares():
    with pytest.raises(UnresolvedError, match="secret P is not set"):
        variables({}, {"P": "open"}).interpolate("${secret:P}")


def test_an_unset_variable_says_how_to_set_it():
    with pytest.raises(UnresolvedError) as caught:
        variables().interpolate("a ${HOST} b")
    assert caught.value.mark == "${HOST"
    assert "Export HOST" in caught.value.remedy


def test_two_dollars_escape_and_a_broken_reference_is_refused():
    assert variables().interpolate("$${HOST} costs 5$") == "${HOST} costs 5$"
    with pytest.raises(UnresolvedError, match="is not a reference"):
        variables().interpolate("${1x}")
