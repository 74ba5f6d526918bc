"""The rules of comparing: pure, deterministic, standard library only. No clock, no network, no environment."""
