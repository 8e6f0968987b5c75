-- Prolongs uploaded files that a job refers to. Never shortens one: somebody may need it for longer.
--
-- KEYS[1]  vedette:blobs        zset  digest -> when its lifetime is over, ms
-- KEYS[2]  vedette:blobs:bytes  hash  lifetime renewed
-- Also     vedette:blob:<each digest that is there>  string  lifetime renewed
-- ARGV     1 lifetime in ms, 2 least lifetime of the lists in ms, 3 how the key of a blob is spelled, with %s for the
--          digest, then digests
-- Returns  the digests that are not there.
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local absent = {}
for i = 4, #ARGV do
  local blob = string.format(ARGV[3], ARGV[i])
  local left_ms = redis.call('PTTL', blob)
  if left_ms < 0 then
    absent[#absent + 1] = ARGV[i]
  else
    -- A little more in any case: by that `release_blobs` sees that somebody refers to it.
    local lives_ms = math.max(tonumber(ARGV[1]), left_ms + 10)
    redis.call('PEXPIRE', blob, lives_ms)
    redis.call('ZADD', KEYS[1], now_ms + lives_ms, ARGV[i])
  end
end
for i = 1, 2 do
  if redis.call('PTTL', KEYS[i]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
end
return absent
