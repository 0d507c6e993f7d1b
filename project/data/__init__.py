"""Data: fetching and reading data sets, and serving them as pairs of digits or as images."""
