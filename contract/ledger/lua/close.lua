-- Ends an attempt: the task is done, or queued again with what is left of it. Only the attempt that holds it may.
--
-- KEYS[1]  vedette:job:<job>             hash   read; lifetime renewed, as of the first four
-- KEYS[2]  vedette:task:<task>           hash   state, queue, batch size
-- KEYS[3]  vedette:task:<task>:images    hash   read
-- KEYS[4]  vedette:task:<task>:history   list   Attempt JSON appended
-- KEYS[5]  vedette:leases                zset   task removed
-- KEYS[6]  vedette:bells                 zset   task -> now, when queued again
-- KEYS[7]  vedette:queues                zset   queue -> now, when queued again
-- ARGV     1 task, 2 attempt, 3 Attempt JSON, 4 lifetime in ms, 5 lifetime of shared keys in ms,
--          6 queue and 7 batch size for what is left
-- Returns  'done' (nothing is left), 'queued' (ring the bell), 'cancelled' or 'fenced'.
local task = redis.call('HMGET', KEYS[2], 'state', 'attempt')
if task[1] ~= 'running' or task[2] ~= ARGV[2] then return 'fenced' end
redis.call('RPUSH', KEYS[4], ARGV[3])
redis.call('ZREM', KEYS[5], ARGV[1])
local state = 'queued'
if redis.call('HGET', KEYS[1], 'state') == 'cancelled' then state = 'cancelled'
elseif redis.call('HLEN', KEYS[3]) == 0 then state = 'done' end
redis.call('HSET', KEYS[2], 'state', state)
if state == 'queued' then
  local time = redis.call('TIME')
  local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('HSET', KEYS[2], 'queue', ARGV[6], 'batch_size', ARGV[7])
  redis.call('ZADD', KEYS[6], now_ms, ARGV[1])
  redis.call('ZADD', KEYS[7], now_ms, ARGV[6])
  for i = 6, 7 do redis.call('PEXPIRE', KEYS[i], ARGV[5]) end
end
for i = 1, 4 do redis.call('PEXPIRE', KEYS[i], ARGV[4]) end
return state
