-- Cancels a job: nothing of it is handed out any more, and running attempts hear of it at their next word.
--
-- KEYS[1]  vedette:job:<job>         hash   state cancelled
-- KEYS[2]  vedette:job:<job>:tasks   list   read
-- KEYS[3]  vedette:leases            zset   its tasks removed
-- Also     vedette:bells:<queue>, for the queue of each of its tasks   zset   its tasks removed
-- and      vedette:webhooks   zset   job -> now, when it has a webhook
-- ARGV     1 and 2 how the keys of a task and of a queue's bells are spelled, with %s for the task and the queue,
--          3 the job, 4 how the key of webhooks is spelled, 5 lifetime of shared keys in ms
-- Returns  the state before: 'open' (cancelled now), 'done', 'stopped' or 'cancelled' (unchanged); false when unknown.
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'open' then return state end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'state', 'cancelled', 'finished_ms', now_ms)
if redis.call('HEXISTS', KEYS[1], 'webhook') == 1 then
  redis.call('ZADD', ARGV[4], now_ms, ARGV[3])
  redis.call('PEXPIRE', ARGV[4], ARGV[5])
end
for _, task in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
  redis.call('ZREM', KEYS[3], task)
  local queue = redis.call('HGET', string.format(ARGV[1], task), 'queue')
  if queue then redis.call('ZREM', string.format(ARGV[2], queue), task) end
end
return state
