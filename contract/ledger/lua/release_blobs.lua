-- Forgets uploads that nobody has referred to since they were put there.
--
-- KEYS[1]  vedette:blobs        zset  digest -> when its lifetime is over, ms; those that are forgotten removed
-- KEYS[2]  vedette:blobs:bytes  hash  the same
-- Also     vedette:blob:<each of them>  string  removed
-- ARGV     1 how the key of a blob is spelled, with %s for the digest, then of each its digest and the end of its lifetime
--          as `put_blob` gave it: whoever refers to it gives it another one
-- Returns  how many were forgotten.
local forgotten = 0
for i = 2, #ARGV, 2 do
  if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[i]) or 0) == tonumber(ARGV[i + 1]) then
    redis.call('DEL', string.format(ARGV[1], ARGV[i]))
    redis.call('ZREM', KEYS[1], ARGV[i])
    redis.call('HINCRBY', KEYS[2], 'all', -(redis.call('HGET', KEYS[2], ARGV[i]) or 0))
    redis.call('HDEL', KEYS[2], ARGV[i])
    forgotten = forgotten + 1
  end
end
return forgotten
