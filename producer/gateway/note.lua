-- Prolongs or removes a note of an Idempotency-Key, if it is still the one that the caller has written.
--
-- KEYS[1]  vedette:gateway:idempotency:<digest>   string   lifetime renewed, or removed
-- ARGV     1 what the caller has written, 2 its lifetime in ms, or 0: it is removed
-- Returns  1, or 0: it is gone, or somebody else's.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
