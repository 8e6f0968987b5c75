-- Takes one token out of a bucket that fills by itself; by Redis' clock, so that all gateways share it.
--
-- KEYS  1 vedette:gateway:rate:<caller>   hash: tokens, at_ms
-- ARGV  1 tokens a minute, which are also the most that the bucket holds
--
-- Answers 0 when there was one, else how many ms it takes until there is.

local per_minute = tonumber(ARGV[1])
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local known = redis.call('HMGET', KEYS[1], 'tokens', 'at_ms')
local tokens = tonumber(known[1]) or per_minute
local at_ms = tonumber(known[2]) or now_ms
-- A clock that was set back fills nothing, and empties nothing either.
tokens = math.min(per_minute, tokens + math.max(0, now_ms - at_ms) * per_minute / 60000)

local wait_ms = 0
if tokens >= 1 then
  tokens = tokens - 1
else
  wait_ms = math.ceil((1 - tokens) * 60000 / per_minute)
end
redis.call('HSET', KEYS[1], 'tokens', tokens, 'at_ms', now_ms)
-- A full bucket and none are the same.
redis.call('PEXPIRE', KEYS[1], 60000 + 1000)
return wait_ms
