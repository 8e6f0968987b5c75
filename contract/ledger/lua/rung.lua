-- Notes that a queued task's bell was rung again.
--
-- KEYS[1]  vedette:bells:<queue>   zset   task -> now, when it is there
-- ARGV     1 task
local time = redis.call('TIME')
return redis.call('ZADD', KEYS[1], 'XX', time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
