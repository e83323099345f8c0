"""Numbers as the pictures' modules write them."""

from decimal import ROUND_HALF_UP, Decimal


def fixed(value: float, digits: int) -> str:
    """Return `value` with so many decimals, as JavaScript's `toFixed` writes it.

    An exact tie goes away from zero: 56.25 becomes 56.3, where a format string gives 56.2.
    """
    # Adding 0 turns -0.0 into 0.0, which a browser writes without a sign.
    return str(Decimal(value + 0.0).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))
