-- The reconciler's question: which tasks are past their time, by Redis' own clock.
--
-- KEYS[1]  vedette:leases or vedette:bells   zset   read
-- ARGV     1 how long past, in ms, 2 how many at most
-- Returns  task ids, the longest overdue first.
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now_ms - ARGV[1], 'LIMIT', 0, ARGV[2])
