"""
Numbers that limit something: times, sizes and lengths, as programs give them.

Owns what is taken for such a number, and the words for what isn't. Must never know what a number
limits, nor who keeps to it. Key decisions: a limit is read when an object is built, so that a
mistake is told once, where it was made, and not by every connection; whatever can be meant is
taken, any type of number and any size, and what the library is handed is an int of its own.
"""

from __future__ import annotations

import math
import operator
from typing import Any, NoReturn, Optional

__all__ = [
    "limit_of_fragments",
    "limits_of_queue",
    "limits_of_size",
    "limits_of_writing",
    "marks_of_writing",
    "refuse",
    "seconds",
    "size",
]

SHOWN = 200  # characters of a value in a message

# More than there ever is of anything, and the largest number that fits where a limit is kept.
HUGE = 2**63 - 1

# bytes; uvloop keeps the marks of its write buffers in 32 bits
HIGHEST_MARK = 2**31 - 1


def shown(value: Any) -> str:
    """Return the repr() of any value; it never raises, nor is it longer than a line or two."""
    try:
        text = repr(value)
    except Exception:
        text = f"an object of {type(value).__name__}"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def refuse(error: type[Exception], name: str, wanted: str, value: Any) -> NoReturn:
    """Raise an exception that names an argument, what it may be and what it is."""
    raise error(f"{name} must be {wanted}, not {shown(value)}")


def seconds(name: str, value: Any) -> None:
    """
    Check a time that is given: a number of seconds, 0 or more, of any real type.

    Raises:
        TypeError: if it is no number; True and False aren't meant as such.
        ValueError: if it is negative, not a number (NaN), or too large for a clock.
    """
    if type(value) in (int, float) and 0 <= value < HUGE:
        return
    from numbers import Real  # takes its time, and few have other numbers

    wanted = "None or a number of seconds"
    if isinstance(value, bool) or not isinstance(value, Real):
        refuse(TypeError, name, wanted, value)
    try:
        fits = float(value) >= 0
    except OverflowError:
        fits = False
    if not fits:
        refuse(ValueError, name, f"{wanted}, 0 or more", value)


def number(name: str, wanted: str, given: Any, value: Any) -> int:
    """Return a whole number, 0 or more, of any type; ``given`` is what it is a part of."""
    try:
        whole = operator.index(value)
    except TypeError:
        # 1e6 is how some people write a million.
        if not (isinstance(value, float) and value.is_integer()):
            refuse(TypeError, name, wanted, given)
        whole = int(value)
    if isinstance(value, bool):
        refuse(TypeError, name, wanted, given)
    if whole < 0:
        refuse(ValueError, name, f"{wanted}, 0 or more", given)
    return whole


def limit(name: str, wanted: str, given: Any, value: Any) -> Optional[int]:
    """Return a number that may also be None, for no limit."""
    if value is None or (isinstance(value, float) and value == math.inf):
        return None
    whole = number(name, wanted, given, value)
    return whole if whole < HUGE else None


def halves(value: Any) -> tuple[Any, Any]:
    """Return both parts of a pair, and for any other value that and None."""
    if isinstance(value, (tuple, list)) and len(value) == 2:
        return value[0], value[1]
    return value, None


def size(name: str, value: Any) -> None:
    """Check a number of bytes that is given: 0 or more."""
    if type(value) is not int or value < 0:
        number(name, "a number of bytes", value, value)


def limit_of_fragments(value: Any, name: str = "max_fragments") -> Optional[int]:
    """
    Read ``max_fragments``: a number of frames, or None for no limit.

    Raises:
        TypeError, ValueError: if it is something else, or negative.
    """
    if value is None:
        return None
    return limit(name, "None or a number of frames", value, value)


def limits_of_size(value: Any, name: str = "max_size") -> tuple[Optional[int], Optional[int]]:
    """
    Read ``max_size``: a number of bytes, None, or a pair (message, fragment) of these.

    Returns:
        ``(message, fragment)``: the most bytes of a message and of one of its frames, each None
        for no limit.

    Raises:
        TypeError, ValueError: if it is something else, or negative.
    """
    if type(value) is int and 0 <= value < HUGE:
        return value, None
    wanted = "None, a number of bytes, or a pair (message, fragment) of these"
    message, fragment = halves(value)
    return limit(name, wanted, value, message), limit(name, wanted, value, fragment)


def limits_of_queue(value: Any, name: str = "max_queue") -> tuple[Optional[int], Optional[int]]:
    """
    Read ``max_queue``: a number of messages, None, or a pair (high, low) of these.

    Returns:
        ``(high, low)``: parsing stops when ``high`` messages wait, and may go on when no more than
        ``low`` do, by default a quarter; both are None for no limit, which a plain 0 stands for,
        too.

    Raises:
        TypeError, ValueError: if it is something else, or negative, or low is greater than high.
    """
    if type(value) is int and 0 < value < HUGE:
        return value, value // 4
    wanted = "None, a number of messages, or a pair (high, low) of these"
    first, second = halves(value)
    high = limit(name, wanted, value, first)
    low = limit(name, wanted, value, second)
    if high is None and low is not None:
        high = 4 * low
    if high is None or (high == 0 and first is value):
        return None, None
    # A queue for no message at all would let none arrive.
    return max(high, 1), low_mark(name, wanted, value, high, low)


def limits_of_writing(value: Any, name: str = "write_limit") -> tuple[int, int]:
    """
    Read ``write_limit``: a number of bytes, or a pair (high, low) of these.

    Returns:
        ``(high, low)``, as a transport's ``set_write_buffer_limits()`` takes them: ``low`` is a
        quarter of ``high`` by default, and ``high`` 64 KiB.

    Raises:
        TypeError, ValueError: if it is something else, or negative, or low is greater than high.
    """
    if type(value) is int and 0 <= value <= HIGHEST_MARK:
        return value, value // 4
    wanted = "a number of bytes, or a pair (high, low) of these"
    first, second = halves(value)
    low = None if second is None else number(name, wanted, value, second)
    if first is not None:
        high = number(name, wanted, value, first)
    else:
        high = 2**16 if low is None else 4 * low
    low = low_mark(name, wanted, value, high, low)
    return min(high, HIGHEST_MARK), min(low, HIGHEST_MARK)


def marks_of_writing(value: Any) -> tuple[Optional[int], Optional[int]]:
    """Read ``write_limit`` for a transport, which has the same defaults: None stands for them."""
    if type(value) is int and 0 <= value <= HIGHEST_MARK:
        return value, None
    first, second = halves(value)
    high, low = limits_of_writing(value)
    return (
        None if first is None and second is not None else high,
        None if second is None else low,
    )


def low_mark(name: str, wanted: str, given: Any, high: int, low: Optional[int]) -> int:
    """Return the lower of two marks, by default a quarter of the higher one."""
    if low is None:
        return high // 4
    if low > high:
        refuse(ValueError, name, f"{wanted}, of which low isn't the greater", given)
    return low
