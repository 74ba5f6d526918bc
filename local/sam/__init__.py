"""`sam local invoke` against the local cloud and the simulated venues: what `make sam-local` runs."""
