-- Keeps an uploaded file under the digest of its bytes, once, or prolongs the one that is there.
--
-- KEYS[1]  vedette:blob:<digest>  string  written when it is not there; lifetime renewed
-- KEYS[2]  vedette:blobs          zset    digest -> when its lifetime is over, ms; those that are over removed
-- KEYS[3]  vedette:blobs:bytes    hash    digest -> bytes, and `all` -> their sum; those that are over removed
-- ARGV     1 digest, 2 the bytes, 3 lifetime in ms, 4 bytes that all may have, 5 least lifetime of the lists in ms
-- Returns  whether it is kept now (1 or 0), the bytes of all that are kept, and when the lifetime of one that was not
--          there before is over, ms (0: it was).
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local function forget(digest)
  local bytes = redis.call('HGET', KEYS[3], digest)
  if bytes then
    redis.call('HINCRBY', KEYS[3], 'all', -bytes)
    redis.call('HDEL', KEYS[3], digest)
  end
  redis.call('ZREM', KEYS[2], digest)
end

-- Redis has removed the bytes by itself. As many as that at once: what is left over is the next call's.
for _, digest in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now_ms, 'LIMIT', 0, 1000)) do forget(digest) end
local was_there = redis.call('EXISTS', KEYS[1]) == 1
if not was_there then forget(ARGV[1]) end  -- taken away by hand
local all = tonumber(redis.call('HGET', KEYS[3], 'all') or 0)
if not was_there then
  if all + #ARGV[2] > tonumber(ARGV[4]) then return {0, all, 0} end
  redis.call('SET', KEYS[1], ARGV[2])
  redis.call('HSET', KEYS[3], ARGV[1], #ARGV[2])
  all = redis.call('HINCRBY', KEYS[3], 'all', #ARGV[2])
end
-- As `renew_blobs` has it. -1: it was written just now.
local lives_ms = math.max(tonumber(ARGV[3]), redis.call('PTTL', KEYS[1]) + 10)
redis.call('PEXPIRE', KEYS[1], lives_ms)
redis.call('ZADD', KEYS[2], now_ms + lives_ms, ARGV[1])
for i = 2, 3 do
  if redis.call('PTTL', KEYS[i]) < tonumber(ARGV[5]) then redis.call('PEXPIRE', KEYS[i], ARGV[5]) end
end
return {1, all, was_there and 0 or now_ms + lives_ms}
