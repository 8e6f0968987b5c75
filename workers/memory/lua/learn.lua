-- Replaces what was learned, unless somebody else has changed it since it was read.
--
-- KEYS[1]  vedette:learned:<digest>:<class>   hash   every field written; lifetime renewed
-- ARGV     1 version that was read (0: there was nothing), 2 lifetime in ms, then field, value for each field
-- Returns  1, or 0: read again.
local version = redis.call('HGET', KEYS[1], 'version') or '0'
if version ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
