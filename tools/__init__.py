"""What only authors need: notebooks, site checks, deliberate faults. Not part of the installed package."""
