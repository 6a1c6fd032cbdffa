"""SQL passes: a SELECT as written becomes the statements that keep its table current.

The stages, one a file, each touching only what it names:

1. `parse`      text to tree; refuses what is not one SELECT
2. `qualify`    every column knows its table; stars, USING, aliases and GROUP BY ALL are spelled out
3. `determine`  ties are broken by keys; what has no single answer is refused
4. `hidden`     derived tables that aggregate become stored tables of their own; the others are inlined
5. `compile`    puts 1 to 4 together and decides how the table is maintained
6. `scope`      which keys a change of the inputs can touch
7. `restrict`   the same SELECT, for those keys only
8. `clock`, `surrogate`, `translate`   what is bound late: the time, surrogate keys, the engine's dialect

What a pass cannot prove it says with `Unprovable`, and the model is rebuilt in full instead.
"""
