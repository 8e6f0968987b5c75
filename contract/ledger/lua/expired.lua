-- The reconciler's question: whose leases have run out, by Redis' own clock.
--
-- KEYS[1]  vedette:leases   zset   read
-- ARGV     1 how many at most, 2 how many to pass over
-- Returns  task ids, the longest overdue first.
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now_ms, 'LIMIT', ARGV[2], ARGV[1])
