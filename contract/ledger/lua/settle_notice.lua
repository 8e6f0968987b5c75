-- Says what came of telling a job's webhook. Only whoever took it last may.
--
-- KEYS[1]  vedette:webhooks     zset   job removed, or -> when it is told again
-- Also     vedette:job:<job>    hash   webhook_error when it failed; webhook_state when that is all
-- ARGV     1 job, 2 the end that was told, 3 the attempt, 4 'delivered', 'given_up' or 'due' (again), 5 the error, or '',
--          6 how soon it is told again, in ms, 7 how soon a job that is open again is looked at, in ms,
--          8 how the key of a job is spelled, with %s for the job
-- Returns  1, or 0: somebody else has taken it meanwhile, or the job is gone.
local key = string.format(ARGV[8], ARGV[1])
local job = redis.call('HMGET', key, 'webhook_end', 'webhook_attempts', 'state', 'finished_ms')
if job[1] ~= ARGV[2] or job[2] ~= ARGV[3] then return 0 end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[5] ~= '' then redis.call('HSET', key, 'webhook_error', ARGV[5]) end
if ARGV[4] ~= 'due' then redis.call('HSET', key, 'webhook_state', ARGV[4]) end
-- Dead letters may have been put back: it will end again, or has, and is due for that.
if job[3] == 'open' then
  redis.call('ZADD', KEYS[1], 'XX', now_ms + ARGV[7], ARGV[1])
elseif job[4] ~= ARGV[2] then
  return 1
elseif ARGV[4] == 'due' then
  redis.call('ZADD', KEYS[1], 'XX', now_ms + ARGV[6], ARGV[1])
else
  redis.call('ZREM', KEYS[1], ARGV[1])
end
return 1
