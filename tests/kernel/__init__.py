"""The kernel's proof: fixed cases, a grammar of models, and mutants that must be caught."""
