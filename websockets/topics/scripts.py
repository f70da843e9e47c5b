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

__all__ = [
    "ATTEND",
    "ID_SIZE",
    "PUBLISH",
    "READ",
    "Reply",
    "channel_of",
    "keys_of",
    "keys_of_presence",
    "pack",
    "unpack",
]

Reply = tuple[bytes, bytes, bytes, list[tuple[bytes, list[bytes]]]]

# The body of a message: its kind, its id, what was published.
ID_SIZE = 29

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

# Adds a message, and tells of it; 'limits' are history, max_age, for how long the state is kept and
# how many bytes are, 0 for no limit. With such a limit, each entry has the sum of all bytes up to
# its own end: so what the history has is a difference, whatever else takes entries away.
ADD = (
    OPEN
    + f"""
local HEAD = {ID_SIZE}
"""
    + """
local function trim(log, sum)
  while true do
    local old = {}
    for _, entry in ipairs(redis.call('XRANGE', log, '-', '+', 'COUNT', 16)) do
      local body, last = entry[2][2], tonumber(entry[2][4] or 0)
      if last - (#body - HEAD) >= sum then break end
      old[#old + 1] = entry[1]
    end
    if #old > 0 then redis.call('XDEL', log, unpack(old)) end
    if #old < 16 then return end
  end
end
local function add(log, state, channel, body, limits, fresh)
  local epoch, number, time, now = open(log, state, fresh)
  number = number + 1
  time = math.max(time, now)
  local at, n = text(time), text(number)
  local id = at .. '-' .. n
  if limits[4] == '0' then
    redis.call('XADD', log, 'MAXLEN', '~', limits[1], id, 'm', body)
  else
    local sum = redis.call('HINCRBY', state, 'bytes', #body - HEAD)
    redis.call('XADD', log, 'MAXLEN', '~', limits[1], id, 'm', body, 'b', text(sum))
    trim(log, sum - limits[4])
  end
  redis.call('XTRIM', log, 'MINID', '~', text(math.max(0, time - limits[2])))
  redis.call('HSET', state, 'number', n, 'time', at)
  redis.call('PEXPIRE', log, limits[2])
  redis.call('PEXPIRE', state, limits[3])
  local position = epoch .. ' ' .. n .. ' ' .. at
  redis.call('PUBLISH', channel, position .. ' ' .. body)
  return position
end
"""
)

# ARGV: channel, body, the limits in their order, times in milliseconds, a new epoch, how many bytes
# of the body identify the message, 1 if it may be there already.
PUBLISH = (
    ADD
    + """
if ARGV[9] == '1' then
  local epoch = open(KEYS[1], KEYS[2], ARGV[7])
  local id = string.sub(ARGV[2], 1, ARGV[8])
  for _, entry in ipairs(redis.call('XREVRANGE', KEYS[1], '+', '-')) do
    if string.sub(entry[2][2], 1, ARGV[8]) == id then
      local ms, n = string.match(entry[1], '(%d+)-(%d+)')
      return epoch .. ' ' .. n .. ' ' .. ms
    end
  end
end
return add(KEYS[1], KEYS[2], ARGV[1], ARGV[2], {ARGV[3], ARGV[4], ARGV[5], ARGV[6]}, ARGV[7])
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

# KEYS: also who is there, with the time at which each entry expires; and how many entries somebody
# has. ARGV: channel, the limits, a new epoch, how long an entry is good for, what is to be done:
# 'there', 'gone' or 'list'; the entry, which ends in a name.
ATTEND = (
    ADD
    + """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function tell(change, who)
  local _, number = open(KEYS[1], KEYS[2], ARGV[6])
  local body = 't' .. ARGV[6] .. string.format('%016.0f', number) .. cjson.encode({[change] = who})
  add(KEYS[1], KEYS[2], ARGV[1], body, {ARGV[2], ARGV[3], ARGV[4], ARGV[5]}, ARGV[6])
end
local function drop(entry)
  if redis.call('ZREM', KEYS[3], entry) == 1 then
    local who = string.match(entry, '^%S+ (.*)$')
    if redis.call('HINCRBY', KEYS[4], who, -1) <= 0 then
      redis.call('HDEL', KEYS[4], who)
      tell('left', who)
    end
  end
end
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', text(now))) do drop(entry) end
if ARGV[8] == 'there' then
  local who = string.match(ARGV[9], '^%S+ (.*)$')
  if redis.call('ZADD', KEYS[3], text(now + ARGV[7]), ARGV[9]) == 1 then
    if redis.call('HINCRBY', KEYS[4], who, 1) == 1 then tell('joined', who) end
  end
elseif ARGV[8] == 'gone' then
  drop(ARGV[9])
end
if ARGV[8] == 'list' then return redis.call('HKEYS', KEYS[4]) end
return {}
"""
)


def keys_of(prefix: str, name: str) -> tuple[bytes, bytes]:
    """Return the keys of a topic's log and its state."""
    tag = f"{{{prefix}:{name}}}".encode()
    return tag + b":log", tag + b":state"


def keys_of_presence(prefix: str, name: str) -> tuple[bytes, ...]:
    """Return the keys of such a topic, and of who is there."""
    tag = f"{{{prefix}:{name}}}".encode()
    return (*keys_of(prefix, name), tag + b":entries", tag + b":counts")


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
