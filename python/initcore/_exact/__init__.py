"""Functions of arrays that give the same bytes on every machine."""
