-- Says that no more tasks will be added. A job is done when it is sealed and every image has its result.
--
-- KEYS[1]  vedette:job:<job>   hash   sealed set; state done when nothing is left
-- Also     vedette:webhooks    zset   job -> now, when it is done and has a webhook
-- ARGV     1 lifetime in ms, 2 images that the job should have, or '', 3 the job, 4 how the key of webhooks is spelled,
--          5 lifetime of shared keys in ms
-- Returns  how many images it has; sealed only if it should. False when the job is unknown.
local job = redis.call('HMGET', KEYS[1], 'state', 'total', 'succeeded', 'failed', 'webhook')
if not job[1] then return false end
if ARGV[2] ~= '' and ARGV[2] ~= job[2] then return tonumber(job[2]) end
redis.call('HSET', KEYS[1], 'sealed', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
if job[1] == 'open' and job[3] + job[4] == tonumber(job[2]) then
  local time = redis.call('TIME')
  local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('HSET', KEYS[1], 'state', 'done', 'finished_ms', now_ms)
  if job[5] then
    redis.call('ZADD', ARGV[4], now_ms, ARGV[3])
    redis.call('PEXPIRE', ARGV[4], ARGV[5])
  end
end
return tonumber(job[2])
