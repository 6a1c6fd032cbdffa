-- Takes the transaction's snapshot, and says what it is and whose.
-- The settings are the transaction's own. They pin how values are written as text, and row_security = off makes a policy
-- that would hide rows an error: hidden rows would look deleted.
select
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint as xmin,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint as xmax,
    clock_timestamp() at time zone 'UTC' as polled_at,
    pg_is_in_recovery() as standby,
    (select oid::bigint from pg_database where datname = current_database()) as database,
    /* identity */
    set_config('TimeZone', 'UTC', true),
    set_config('DateStyle', 'ISO, YMD', true),
    set_config('IntervalStyle', 'postgres', true),
    set_config('bytea_output', 'hex', true),
    set_config('extra_float_digits', '1', true),
    set_config('row_security', 'off', true),
    set_config('jit', 'off', true),
    set_config('idle_in_transaction_session_timeout', '0', true)
