import duckdb
import pytest

from asterism.errors import UsageError
from asterism.plan.parse import parse
from asterism.run.fence import is_outside, is_shut, refuse_reaching_out


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


@pytest.mark.parametrize(
    "sql",
    [
        "select * from json_execute_serialized_sql('{}')",
        "select * from checkpoint()",
        "select * from force_checkpoint('w')",
        "select write_log('x')",
        "select * from add_grammar_extension('x', 'y')",
        "select * from truncate_duckdb_logs()",
        "select * from which_secret('s3://x', 's3')",
        "select * from duckdb_settings()",
        "select * from duckdb_prepared_statements()",
        "select * from ts_stat('select pg_read_file(''/etc/passwd'')::tsvector')",
        "select ts_rewrite('a', 'select pg_read_file(''/etc/passwd'')')",
        "select loread(lo_open(1, 262144), 10)",
        "select * from enable_logging()",
        "select pg_advisory_lock(1)",
        "select getenv('HOME')",
        "select * from glob('/*')",
        "select * from read_text('/etc/passwd')",
    ],
)
def test_nor_what_takes_sql_as_a_text_or_changes_the_engine(sql):
    with pytest.raises(UsageError, match="reaches out of the warehouse's tables"):
        refuse_reaching_out(parse(sql), "the query")


COMPUTING = {
    *("array_sample", "array_shuffle", "bernoulli", "clock_timestamp", "gen_random_uuid", "random", "random_normal"),
    *("system", "timeofday", "uuidv4", "uuidv7", "uuid"),
    *("dsnowball_init", "dsnowball_lexize"),  # take what SQL has no values of
    *("current_query", "current_query_id", "current_connection_id", "current_transaction_id"),  # of the question itself
    *("error", "stats", "vector_type"),
    *("collations", "database_list", "database_size", "extension_versions", "functions", "metadata_info", "platform"),
    *("show", "show_databases", "show_tables", "show_tables_expanded", "storage_info", "summary", "table_info"),
    *("user_agent", "version", "icu_calendar_names", "test_all_types", "test_vector_types", "verify_parallelism"),
    *("duckdb_columns", "duckdb_constraints", "duckdb_functions", "duckdb_indexes", "duckdb_keywords"),
    *("duckdb_schemas", "duckdb_sequences", "duckdb_tables", "duckdb_types", "duckdb_views"),
    *("generate_series", "range", "repeat", "repeat_row", "unnest", "json_each", "json_tree", "histogram"),
    "histogram_values",
}
"""Functions with effects, and those that are tables, which a question may call all the same."""


@pytest.mark.parametrize(
    "sql",
    [
        "from pg_settings",
        "from pg_catalog.pg_settings",
        'select * from "PG_Settings"',
        "select 1 where exists (from duckdb_databases)",
        "with x as (from system.pragma_database_list) from x",
        "from pg_catalog.pg_hba_file_rules",
        "select rolpassword from pg_authid",
        "from information_schema.user_mapping_options",
        "select json_serialize_plan('select 1')",
    ],
)
def test_nor_a_view_that_tells_what_such_functions_tell(sql):
    with pytest.raises(UsageError, match="reaches out of the warehouse's tables"):
        refuse_reaching_out(parse(sql), "the query")


TELLING = {
    *("duckdb_columns", "duckdb_constraints", "duckdb_indexes", "duckdb_schemas", "duckdb_tables", "duckdb_types"),
    *("duckdb_views", "sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema"),
    *("pg_aggregate", "pg_am", "pg_amop", "pg_amproc", "pg_attrdef", "pg_attribute", "pg_cast", "pg_class"),
    *("pg_collation", "pg_constraint", "pg_conversion", "pg_database", "pg_default_acl", "pg_depend", "pg_description"),
    *("pg_enum", "pg_event_trigger", "pg_extension", "pg_index", "pg_indexes", "pg_inherits", "pg_init_privs"),
    *("pg_language", "pg_matviews", "pg_namespace", "pg_opclass", "pg_operator", "pg_opfamily", "pg_partitioned_table"),
    *("pg_policies", "pg_policy", "pg_proc", "pg_range", "pg_rewrite", "pg_rules", "pg_sequence", "pg_sequences"),
    *("pg_tables", "pg_timezone_abbrevs", "pg_timezone_names", "pg_transform", "pg_trigger", "pg_ts_config"),
    *("pg_ts_config_map", "pg_ts_dict", "pg_ts_parser", "pg_ts_template", "pg_type", "pg_views"),
}
"""Views that tell of tables, columns and types, which a question may read."""


def test_no_view_passes_that_nobody_has_looked_at(database):
    """A new version's new views fail here, and somebody decides."""
    duck = duckdb.execute("select view_name from duckdb_views() where internal and schema_name <> 'information_schema'")
    there = database.rows(
        "select relname from pg_class where relnamespace = 'pg_catalog'::regnamespace and relkind in ('r', 'v')"
    )
    found = {name for (name,) in [*duck.fetchall(), *there]}
    assert {name for name in found if not is_shut(name)} <= TELLING


def test_no_function_of_duckdb_passes_that_nobody_has_looked_at():
    """A new version's new functions fail here, and somebody decides."""
    rows = duckdb.execute(
        "select distinct function_name from duckdb_functions() "
        "where function_type in ('table', 'table_macro', 'pragma') or has_side_effects"
    ).fetchall()
    assert {name for (name,) in rows if not is_outside(name)} <= COMPUTING


def test_nor_one_of_postgresql(database):
    rows = database.rows("select distinct proname from pg_proc where provolatile = 'v' and prokind = 'f'"
                         " and prorettype <> 'trigger'::regtype")  # fmt: skip
    assert {row[0] for row in rows if not is_outside(row[0])} <= COMPUTING
