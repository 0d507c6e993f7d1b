"""The configuration of a run: schema, composition, instantiation, identity. Imports no torch."""
