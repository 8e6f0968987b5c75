-- Prolongs the lease of a running attempt. A slot that hears anything but 'held' stops: its work is no longer wanted.
--
-- KEYS[1]  vedette:job:<job>     hash   read
-- KEYS[2]  vedette:task:<task>   hash   read
-- KEYS[3]  vedette:leases        zset   task -> end of its lease, ms
-- ARGV     1 task, 2 attempt, 3 lease in ms
-- Returns  'held', 'cancelled', or 'fenced' (another attempt, or the reconciler, has the task now).
local task = redis.call('HMGET', KEYS[2], 'state', 'attempt')
local job = redis.call('HGET', KEYS[1], 'state')
if job == 'cancelled' or job == 'stopped' then return 'cancelled' end
if task[1] ~= 'running' or task[2] ~= ARGV[2] then return 'fenced' end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[3], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3], ARGV[1])
return 'held'
