"""SQL passes: a SELECT as written becomes the statements that keep its table current.

The stages, one a file, each touching only what it names:

1. `parse`      text to tree; refuses what is not one SELECT
2. `qualify`    every column knows its table; stars, USING, aliases and GROUP BY ALL are spelled out
3. `inline`     CTEs become derived tables
4. `determine`  ties are broken by keys; what has no single answer is refused
5. `hidden`     derived tables that aggregate become stored tables of their own
6. `compile`    puts 1 to 5 together into a `plan`, and decides how the table is maintained
7. `scope`      which keys a change of the inputs can touch
8. `restrict`   the same SELECT, for those keys only; `present` finds rows of a DISTINCT without looking further
9. `clock`, `translate`   what is bound late: the time, surrogate keys, the engine's dialect

What a pass cannot prove it says with `Unprovable`, and the model is rebuilt in full instead.
"""
