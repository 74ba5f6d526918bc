"""For all tests: nothing they produce may hold a secret, nor a balance where none belongs."""

pytest_plugins = ["tests.leaks.plugin"]
