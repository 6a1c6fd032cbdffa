import pytest

from asterism.errors import UsageError
from asterism.plan.parse import parse
from asterism.run.fence import refuse_reaching_out


@pytest.mark.parametrize(
    "sql",
    [
        "select pg_read_file('/etc/passwd')",
        "select * from pg_ls_dir('/')",
        "select a from t where a in (select pg_catalog.pg_read_file('x'))",
        "select \"pg_read_file\"('x')",
        "select PG_Sleep(10)",
        "with c as (select lo_import('/etc/passwd')) select * from c",
        "select set_config('role', 'postgres', true)",
        "select query_to_xml('delete from t', true, true, '')",
        "select * from dblink('host=h', 'select 1') as t(a int)",
    ],
)
def test_a_question_reaches_nothing_outside_its_tables(sql):
    with pytest.raises(UsageError, match="reaches out of the warehouse's tables"):
        refuse_reaching_out(parse(sql), "the query")


@pytest.mark.parametrize(
    "sql", ["select count(*), lower(a), my_function(b) from t", "select * from generate_series(1, 3)"]
)
def test_functions_that_compute_are_welcome(sql):
    refuse_reaching_out(parse(sql), "the query")
