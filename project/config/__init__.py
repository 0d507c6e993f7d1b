"""What a run is to be: schema, composition, instantiation, identity. Imports no torch."""
