"""Memory: arrays of every library as NumPy sees them, and arrays that start on a cache line."""
