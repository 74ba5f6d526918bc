"""Looking through the audit: what was written, recomputed from the first entry to the last object."""
