"""Trueup: compare what a trading system believes it holds with what its venues say."""

__version__ = "0.1.0"
