"""The one place where a URI's scheme, or a declaration, becomes an adapter."""
