"""Everything on this machine: the local cloud, simulated venues, accounts with a story, a book that lives."""
