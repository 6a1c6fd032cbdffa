"""AWS: one file a kind of resource, each a function from the graph to resources."""
