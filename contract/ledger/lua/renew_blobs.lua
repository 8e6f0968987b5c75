-- Prolongs uploaded files that a job refers to.
--
-- KEYS[1]  vedette:blobs        zset  digest -> when its lifetime is over, ms
-- KEYS[2]  vedette:blobs:bytes  hash  lifetime renewed
-- Also     vedette:blob:<each digest that is there>  string  lifetime renewed
-- ARGV     1 lifetime in ms, 2 least lifetime of the lists in ms, 3 how the key of a blob is spelled, with %s for the
--          digest, then digests
-- Returns  the digests that are not there.
local time = redis.call('TIME')
local ends_ms = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1]
local absent = {}
for i = 4, #ARGV do
  if redis.call('PEXPIRE', string.format(ARGV[3], ARGV[i]), ARGV[1]) == 1 then
    redis.call('ZADD', KEYS[1], ends_ms, ARGV[i])
  else
    absent[#absent + 1] = ARGV[i]
  end
end
for i = 1, 2 do
  if redis.call('PTTL', KEYS[i]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
end
return absent
