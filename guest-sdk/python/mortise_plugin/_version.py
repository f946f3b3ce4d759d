"""The versions of the SDK and of the contract that it was written for."""

__version__ = "0.1.0"
CONTRACT = "0.2.0"
