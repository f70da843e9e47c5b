"""
Ways to cut the same bytes, and streams of frames to cut, valid and less so.
"""

from drawing import BINARY, CLOSE, CONT, KEY, PING, PONG, TEXT, frame
from hypothesis import strategies as st


def cut(data, positions):
    """Cut data at these positions."""
    ends = sorted(min(position, len(data)) for position in positions)
    return [data[start:stop] for start, stop in zip([0, *ends], [*ends, len(data)])]


def every_cut(data):
    """Yield data whole, cut in two at every point, and byte by byte."""
    for position in range(len(data) + 1):
        yield cut(data, [position])
    yield cut(data, range(1, len(data)))


positions = st.lists(st.integers(0, 500), max_size=30)


# Text of 1 to 4 bytes a character, and what looks like it.
texts = st.text("aé€😀", max_size=8).map(str.encode)
payloads = st.binary(max_size=8) | texts | st.integers(120, 130).map(bytes)
reasons = st.text("aé€😀", max_size=3).map(str.encode)
codes = st.sampled_from([1000, 1001, 3000]).map(lambda code: code.to_bytes(2, "big"))
close_bodies = st.just(b"") | st.builds(bytes.__add__, codes, reasons)
controls = st.tuples(st.sampled_from([PING, PONG]), st.binary(max_size=8), st.just(True))


@st.composite
def valid_messages(draw):
    """Frames of one message, with control frames in between: tuples of opcode, payload and FIN."""
    opcode, payload = draw(
        st.tuples(st.just(TEXT), texts) | st.tuples(st.just(BINARY), st.binary(max_size=30))
    )
    parts = cut(payload, draw(st.lists(st.integers(0, 30), max_size=4)))
    frames = []
    for index, part in enumerate(parts):
        frames += draw(st.lists(controls, max_size=2)) if index else []
        frames.append((opcode if index == 0 else CONT, part, index == len(parts) - 1))
    return frames


def wire(frames, key):
    return b"".join(frame(opcode, payload, fin=fin, key=key) for opcode, payload, fin in frames)


@st.composite
def valid_streams(draw, key):
    """Bytes that break no rule: messages, control frames, perhaps a close frame at the end."""
    groups = draw(st.lists(valid_messages() | controls.map(lambda one: [one]), max_size=6))
    frames = [one for group in groups for one in group]
    frames += [(CLOSE, body, True) for body in draw(st.lists(close_bodies, max_size=1))]
    return wire(frames, key)


plausible_frames = st.builds(
    lambda opcode, payload, fin, rsv, masked, form: frame(
        opcode,
        payload,
        fin=fin,
        rsv=rsv,
        key=KEY if masked else b"",
        form=None if form == 0 and len(payload) > 125 else form,
    ),
    st.sampled_from([CONT, TEXT, BINARY, CLOSE, PING, PONG, TEXT, BINARY, CONT, 3, 11]),
    payloads | close_bodies,
    st.booleans(),
    st.sampled_from([0, 0, 0, 0, 0, 0, 4, 1]),
    st.booleans(),
    st.sampled_from([None, None, None, None, None, 0, 2, 8]),
)


def plausible_streams(key):
    """Bytes that begin well and may go wrong in any way."""
    return st.builds(
        bytes.__add__,
        valid_streams(key).filter(bool) | st.just(b""),
        st.lists(plausible_frames, max_size=3).map(b"".join) | st.binary(max_size=40),
    )
