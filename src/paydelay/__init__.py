"""Which open invoices to chase first, what each may cost and why."""

from importlib.metadata import version

__version__ = version("paydelay")

__all__ = ["__version__"]
