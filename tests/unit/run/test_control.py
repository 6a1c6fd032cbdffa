import socket
import stat
import threading
import time
from pathlib import Path

import pytest

from asterism.errors import AsterismError, LockedError, Problem, ProjectError, SourceError
from asterism.run.control import Server, connect


def echo(verb, arguments, progress):
    if verb == "fail":
        raise LockedError("a", "b", "c")
    if verb == "wrong":
        raise ProjectError("p", (Problem("f:1", "x", "y"), Problem("g", "z")))
    if verb == "bug":
        raise ZeroDivisionError("oops")
    progress("step", 1, 2)
    progress("step", 2, None)
    return {"verb": verb, **arguments}


@pytest.fixture
def folder(tmp_path):
    server = Server(tmp_path, echo)
    server.start()
    yield tmp_path
    server.close()
    assert not (tmp_path / "control.sock").exists()


def call(folder: Path, verb: str, **arguments):
    client = connect(folder)
    assert client is not None
    told = []
    return client.call(verb, arguments, lambda *step: told.append(step)), told


def test_a_verb_is_carried_out_and_its_progress_told(folder):
    result, told = call(folder, "query", question="é\n")
    assert result == {"verb": "query", "question": "é\n"}
    assert told == [("step", 1, 2), ("step", 2, None)]


def test_errors_arrive_as_what_they_were(folder):
    with pytest.raises(LockedError) as locked:
        call(folder, "fail")
    assert (locked.value.subject, locked.value.fact, locked.value.remedy) == ("a", "b", "c")
    with pytest.raises(ProjectError) as wrong:
        call(folder, "wrong")
    assert wrong.value.problems == (Problem("f:1", "x", "y"), Problem("g", "z"))
    assert wrong.value.exit_code == 2


def test_a_fault_in_a_request_does_not_end_the_server(folder):
    with pytest.raises(AsterismError, match="oops"):
        call(folder, "bug")
    assert call(folder, "again")[0] == {"verb": "again"}


def test_the_socket_is_its_owners_alone(folder):
    assert stat.S_IMODE((folder / "control.sock").stat().st_mode) == 0o600


def test_nobody_answers_where_no_server_is(tmp_path):
    assert connect(tmp_path) is None


def test_a_socket_that_a_dead_server_left_is_replaced(tmp_path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "control.sock"))
    assert connect(tmp_path) is None
    server = Server(tmp_path, echo)
    server.start()
    assert call(tmp_path, "query")[0] == {"verb": "query"}
    server.close()


def test_a_folder_too_deep_for_a_socket_is_served_all_the_same(tmp_path):
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    server = Server(deep, echo)
    server.start()
    assert call(deep, "query")[0] == {"verb": "query"}
    elsewhere = Path((deep / "control.path").read_text()).parent
    server.close()
    assert not elsewhere.exists()
    assert connect(deep) is None


def test_requests_are_served_side_by_side(tmp_path):
    gate = threading.Event()

    def wait(verb, _arguments, _progress):
        return gate.wait(5) if verb == "slow" else "quick"

    server = Server(tmp_path, wait)
    server.start()
    slow = threading.Thread(target=lambda: call(tmp_path, "slow"))
    slow.start()
    time.sleep(0.05)
    assert call(tmp_path, "quick")[0] == "quick"
    gate.set()
    slow.join()
    server.close()


def test_a_transient_source_error_stays_an_error_of_the_source(tmp_path):
    def fail(_verb, _arguments, _progress):
        raise SourceError("s", "is down", "wait", transient=True)

    server = Server(tmp_path, fail)
    server.start()
    with pytest.raises(SourceError, match="is down"):
        call(tmp_path, "pull")
    server.close()
