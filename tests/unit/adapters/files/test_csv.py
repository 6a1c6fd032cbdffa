import gzip

import pytest
from unit.adapters.files.folder import Folder

from asterism import Platform, Record
from asterism.sources import Files


class Sold(Record):
    id: int
    price: float | None = None


class Odd(Record):
    _line: int


class Alike(Record):
    id: int
    ID: int


class Complex(Record):
    id: complex


def of_csv(path, content, **declared):
    folder = Folder(path, format="csv", **declared)
    folder.put("a.csv", content, at=10)
    folder.pull()
    return folder


def test_a_row_that_is_no_csv_is_set_aside_and_those_before_and_after_it_stand(tmp_path):
    rows = [f"{number},x\n" for number in range(3000)]
    rows[1500] = '1500,"5" pipe"\n'
    folder = of_csv(tmp_path, "id,name\n" + "".join(rows))
    assert [row for (row,) in folder.rows("id")] == [number for number in range(3000) if number != 1500]
    assert folder.reasons() == {("a.csv", 1501): "it is not CSV: ',' expected after '\"'"}
    assert folder.aside["a.csv", 1501].body == b'1500,"5" pipe"\n'


def test_a_quote_that_is_never_closed_sets_aside_what_it_takes_in(tmp_path):
    folder = of_csv(tmp_path, 'id,name\n1,a\n2,"b\n3,c\n')
    assert folder.rows("id", "name") == [(1, "a")]
    assert folder.aside["a.csv", 2].body == b'2,"b\n3,c\n'


def test_rows_before_the_damage_of_a_packed_object_stand(tmp_path):
    packed = gzip.compress("".join(f"{number},{number * 7919 % 1009}\n" for number in range(1000)).encode())
    folder = of_csv(tmp_path, gzip.compress(b"id,name\n") + packed[:-2000])
    assert folder.rows("id")[:2] == [(0,), (1,)]
    assert len(folder.reasons()) == 1


@pytest.mark.parametrize("length", [200_000, 1_100_000, 3_000_000])
def test_a_long_row_takes_no_other_along(tmp_path, length):
    folder = of_csv(tmp_path, 'id,name\n1,"' + "x" * length + '"\n2,"b"\n')
    assert folder.rows("id", "name")[-1] == (2, "b")
    assert len(folder.rows("id")) + len(folder.reasons()) == 2


def test_a_byte_order_mark_before_a_quoted_header_is_no_part_of_it(tmp_path):
    assert of_csv(tmp_path, b'\xef\xbb\xbf"id","name"\r\n1,a\r\n').rows("id", "name") == [(1, "a")]


def test_blank_lines_before_the_header_are_none_of_it(tmp_path):
    assert of_csv(tmp_path, "\n\nid,name\n1,a\n").rows("id", "name") == [(1, "a")]


def test_a_name_that_stands_twice_in_the_header_loses_no_value(tmp_path):
    assert of_csv(tmp_path, "id,name,name,name\n1,a,b,c\n").rows("name", "name_2", "name_3") == [("a", "b", "c")]


@pytest.mark.parametrize("declared", [{}, {"key": ["id"]}, {"record": Sold, "key": ["id"]}])
def test_a_header_that_changes_to_upper_case_names_the_same_columns(tmp_path, declared):
    folder = of_csv(tmp_path, "id,price\n1,1.5\n", **declared)
    folder.put("b.csv", "ID,Price\n2,2.5\n")
    folder.pull()
    assert folder.rows("id", "price") == [(1, 1.5), (2, 2.5)]


@pytest.mark.parametrize("text", ["inf", "-Infinity", "nan", "1e999"])
def test_no_number_that_json_cannot_say_becomes_null(tmp_path, text):
    folder = of_csv(tmp_path, f"id,price\n1,{text}\n2,2.5\n", record=Sold)
    assert folder.rows("id", "price") == [(2, 2.5)]
    assert len(folder.reasons()) == 1


def test_a_number_with_more_digits_than_a_double_has_is_inferred_as_a_text(tmp_path):
    folder = of_csv(tmp_path, "a,b,c,d\n12345678901.123456789,9007199254740993,0.10,000.5\n1.5,1.5,12345678.5,1\n")
    assert folder.rows("a", "b", "c", "d")[0] == ("12345678901.123456789", "9007199254740993", 0.1, "000.5")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("id,name\n1,a\n".encode("utf-16"), "the object is UTF-16, and should be UTF-8"),
        ("id,größe\n1,a\n".encode("latin-1"), "its header is not UTF-8"),
        (b"id;name\n1;a\n", "its header is one name by the delimiter ',': it may be ';'"),
        (b'"id"x,name\n1,a\n', "its header cannot be read: it is not CSV: ',' expected after '\"'"),
    ],
)
def test_an_object_that_is_no_csv_says_why(tmp_path, content, reason):
    assert of_csv(tmp_path, content).reasons() == {("a.csv", 1): reason}


def test_a_row_that_is_not_utf_8_says_so(tmp_path):
    folder = of_csv(tmp_path, "id,name\n1,é\n2,b\n".encode("latin-1"))
    assert folder.rows("id", "name") == [(2, "b")]
    assert folder.reasons() == {("a.csv", 1): "it is not UTF-8"}


def test_fields_may_stand_apart_by_another_character(tmp_path):
    folder = of_csv(tmp_path, "id;name\n1;a,b\n", delimiter=";")
    assert folder.rows("id", "name") == [(1, "a,b")]


@pytest.mark.parametrize(
    "declared",
    [
        {"table": "a.b"},
        {"record": Odd},
        {"record": Alike},
        {"record": Complex},
        {"format": "CSV"},
        {"evolve": "column"},
        {"key": "id"},
        {"delimiter": ";;"},
        {"delimiter": '"'},
        {"chunk_rows": 0},
    ],
)
def test_what_cannot_be_meant_is_refused_where_it_is_declared(declared):
    with pytest.raises(ValueError, match=r"Files|Odd|Alike|Complex"):
        Platform("p").pull(Files("in", **declared), into="p")
