-- Creates a job, open and empty.
--
-- KEYS[1]  vedette:job:<job>   hash   written
-- Also     vedette:webhooks    zset   job -> when it is looked at, if it has a webhook; what nobody looked at for
--                                     the lifetime of a job is removed
-- ARGV     1 options JSON, 2 queue, 3 lifetime in ms, 4 share of failed images that stops it, or '', 5 their version,
--          6 address of its webhook, or '', 7 how that key is spelled, 8 the job, 9 how soon it is looked at, in ms,
--          10 lifetime of shared keys in ms
-- Returns  1, or 0 when there is another job of that name.
local there = redis.call('HMGET', KEYS[1], 'options', 'queue')
-- Asked again, for the answer was lost: it is the same job.
if there[1] == ARGV[1] and there[2] == ARGV[2] then return 1 end
if there[1] then return 0 end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1],
  'state', 'open', 'sealed', 0, 'v', ARGV[5], 'options', ARGV[1], 'queue', ARGV[2],
  'total', 0, 'succeeded', 0, 'failed', 0, 'created_ms', now_ms)
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'max_failure_rate', ARGV[4]) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if ARGV[6] ~= '' then
  redis.call('HSET', KEYS[1], 'webhook', ARGV[6])
  for _, job in ipairs(redis.call('ZRANGEBYSCORE', ARGV[7], '-inf', now_ms - ARGV[3], 'LIMIT', 0, 1000)) do
    redis.call('ZREM', ARGV[7], job)
  end
  redis.call('ZADD', ARGV[7], now_ms + ARGV[9], ARGV[8])
  redis.call('PEXPIRE', ARGV[7], ARGV[10])
end
return 1
