-- True of a row that a transaction at or after the horizon wrote.
--
-- :horizon is a 64-bit transaction id, pg_snapshot_xmin of an earlier poll; :window is this snapshot's xmax less :horizon.
-- A row's xmin has only 32 bits. Widened, it has the epoch of the snapshot's xmax, one lower where it exceeds the lower
-- half of that xmax, and the question is whether that is >= the horizon. Modulo 2^32 this is a distance: the widened id
-- lies in [horizon, xmax] exactly if it is at most :window steps after the horizon, for a window below 2^32.
-- Ids below 3 mark rows as old as the world.
--
-- Compared with a horizon, not with the earlier snapshot's visibility: a snapshot does not list subtransactions, nor on a
-- standby anything in progress. Their ids are given out after their parent's, which is not below its snapshot's xmin.
--
-- A CASE, or the planner would look at every row twice, with the weaker condition first; compared with a number, as it
-- takes a bare CASE for half of all rows, and this for one in two hundred: so it scans a large table in parallel.
case
    when ((:xmin::text::bigint - :horizon) & 4294967295) > :window then 0
    when :xmin::text::bigint < 3 then 0
    else 1
end = 1
