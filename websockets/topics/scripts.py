"""
What runs in Redis: to publish a message, to read what is behind a position, to note who is there.

Owns the form of what is kept there. Must never know Python's side of it but for that form. Key
decisions: a topic is a stream, its log, and a hash that counts its messages; both have one hash
tag, so that they are on one node of a cluster. The number of a message is part of its id in the
stream, so that whoever reads sees whether one is missing; the rest of the id is Redis's own clock,
so that the clocks of processes don't matter. A script is atomic: the order in the stream is the
order in which subscribers are told, by PUBLISH, with the message itself.

A stream could be waited for as well, with XREAD BLOCK; but that names all topics for each message
that it waits for, which takes longer the more there are.
"""

from __future__ import annotations

from typing import Union

__all__ = ["ID_SIZE", "PUBLISH", "READ", "Reply", "channel_of", "keys_of", "pack", "unpack"]

Reply = tuple[bytes, bytes, bytes, list[tuple[bytes, list[bytes]]]]

# What both begin with: the hash of a topic, which is made if it isn't there. A log without it is of
# another epoch. The clock may go back, as when a replica takes over; ids mustn't.
OPEN = """
local function text(number) return string.format('%.0f', number) end
local function open(log, state, fresh)
  local found = redis.call('HMGET', state, 'epoch', 'number', 'time')
  local clock = redis.call('TIME')
  local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
  if found[1] then
    return found[1], tonumber(found[2]), tonumber(found[3]), now
  end
  redis.call('DEL', log)
  redis.call('HSET', state, 'epoch', fresh, 'number', 0, 'time', text(now))
  return fresh, 0, now, now
end
"""

# ARGV: channel, body, history, max_age and for how long the state is kept in milliseconds, a new
# epoch, how many bytes of the body identify the message, 1 if it may be there already.
PUBLISH = (
    OPEN
    + """
local epoch, number, time, now = open(KEYS[1], KEYS[2], ARGV[6])
if ARGV[8] == '1' then
  local id = string.sub(ARGV[2], 1, ARGV[7])
  for _, entry in ipairs(redis.call('XREVRANGE', KEYS[1], '+', '-')) do
    if string.sub(entry[2][2], 1, ARGV[7]) == id then
      local ms, n = string.match(entry[1], '(%d+)-(%d+)')
      return {epoch, n, ms}
    end
  end
end
number = number + 1
time = math.max(time, now)
local at, n = text(time), text(number)
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], at .. '-' .. n, 'm', ARGV[2])
redis.call('XTRIM', KEYS[1], 'MINID', '~', text(math.max(0, time - ARGV[4])))
redis.call('HSET', KEYS[2], 'number', n, 'time', at)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
redis.call('PUBLISH', ARGV[1], epoch .. ' ' .. n .. ' ' .. at .. ' ' .. ARGV[2])
return {epoch, n, at}
"""
)

# ARGV: how many messages, the position's epoch, number and time, for how long the state is kept in
# milliseconds, a new epoch. Messages that are older than the position come only of another epoch.
READ = (
    OPEN
    + """
local epoch, number, time = open(KEYS[1], KEYS[2], ARGV[6])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
local entries = {}
if ARGV[1] ~= '0' then
  local start = '-'
  if ARGV[2] == epoch then start = '(' .. ARGV[4] .. '-' .. ARGV[3] end
  entries = redis.call('XRANGE', KEYS[1], start, '+', 'COUNT', ARGV[1])
end
return {epoch, text(number), text(time), entries}
"""
)

# The body of a message: its kind, its id, what was published.
ID_SIZE = 29


def keys_of(prefix: str, name: str) -> tuple[bytes, bytes]:
    """Return the keys of a topic's log and its state."""
    tag = f"{{{prefix}:{name}}}".encode()
    return tag + b":log", tag + b":state"


def channel_of(prefix: str, name: str) -> bytes:
    """Return the channel on which subscribers of a topic are told."""
    return f"{prefix}:{name}".encode()


def pack(message: Union[str, bytes], identity: bytes) -> bytes:
    """Return the body of a message."""
    if isinstance(message, str):
        return b"t" + identity + message.encode()
    return b"b" + identity + message


def unpack(body: bytes) -> tuple[Union[str, bytes], str]:
    """Return what was published, and the id."""
    data = body[ID_SIZE:]
    text = str(data, "utf-8", "replace") if body[:1] == b"t" else data
    return text, body[1:ID_SIZE].decode("ascii", "replace")
