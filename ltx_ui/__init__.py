"""LTX-2 Studio: clips with sound from LTX-2, on one page, in one process."""

__version__ = "0.2.0"
