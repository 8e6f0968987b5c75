-- Hands a queued task to one slot, with a lease, or says why not. A duplicate or late doorbell gets its "no" here.
--
-- KEYS[1]  vedette:job:<job>           hash   read
-- KEYS[2]  vedette:task:<task>         hash   state running, attempt + 1
-- KEYS[3]  vedette:task:<task>:images  hash   read
-- KEYS[4]  vedette:leases              zset   task -> end of its lease, ms
-- Also     vedette:bells:<its queue>   zset   task removed
-- ARGV     1 task, 2 worker, 3 lease in ms, 4 lifetime in ms, 5 lifetime of shared keys in ms,
--          6 a token of this call: sent again because the answer was lost, it is given the same answer,
--          7 how the key of a queue's bells is spelled, with %s for the queue, 8 the version that the slot reads
-- Returns  {'claimed', attempt, queue, batch size, options JSON, 1 if other tasks wait on its queue, or 0,
--          index, ImageRef JSON, …}
--          or {'unknown'}, {'newer'} (of a version that the slot doesn't read), {'cancelled'}, {'running'}, {'done'},
--          or {'together'}: claim_together took it before its bell was heard, it runs or is done.
local task = redis.call('HMGET', KEYS[2], 'state', 'queue', 'batch_size', 'attempt', 'token', 'together_with')
local job = redis.call('HMGET', KEYS[1], 'state', 'options', 'v')
if not task[1] or not job[1] then return {'unknown'} end
if tonumber(job[3] or 1) > tonumber(ARGV[8]) then return {'newer'} end
local bells = string.format(ARGV[7], task[2])
if job[1] == 'cancelled' or job[1] == 'stopped' then
  redis.call('ZREM', bells, ARGV[1])
  return {'cancelled'}
end
local repeated = task[1] == 'running' and task[5] == ARGV[6]
if task[1] ~= 'queued' and not repeated then return {task[6] and 'together' or task[1]} end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local attempt = task[4]
if not repeated then attempt = redis.call('HINCRBY', KEYS[2], 'attempt', 1) end
redis.call('HSET', KEYS[2], 'state', 'running', 'worker', ARGV[2], 'claimed_ms', now_ms, 'token', ARGV[6])
if task[6] then redis.call('HDEL', KEYS[2], 'together_with') end
redis.call('ZADD', KEYS[4], now_ms + ARGV[3], ARGV[1])
redis.call('ZREM', bells, ARGV[1])
for i = 1, 3 do redis.call('PEXPIRE', KEYS[i], ARGV[4]) end
redis.call('PEXPIRE', KEYS[4], ARGV[5])
-- Not ZCARD: Redis users that were made for an older Vedette may not ask.
local answer = {'claimed', attempt, task[2], task[3], job[2], #redis.call('ZRANGE', bells, 0, 0)}
for _, item in ipairs(redis.call('HGETALL', KEYS[3])) do answer[#answer + 1] = item end
return answer
