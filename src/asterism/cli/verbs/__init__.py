"""One verb a file: its options, its work, and how its result is shown."""
