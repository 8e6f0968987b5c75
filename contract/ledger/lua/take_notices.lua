-- Hands out jobs whose webhook is to be told now, each to one deliverer with a lease. An open job is looked at again
-- later: workers older than webhooks end jobs without a word. Whoever asks is seen to attend to webhooks.
--
-- KEYS[1]  vedette:webhooks            zset    job -> end of the lease, or when it is looked at again; removed when
--                                              there is nothing to tell
-- KEYS[2]  vedette:webhooks:attended   string  written
-- Also     vedette:job:<each job looked at>  hash  webhook_attempts raised; of an end that was not told yet,
--                                              webhook_end its finished_ms, webhook_first_ms now, the others removed
-- ARGV     1 lease in ms, 2 how soon an open job is looked at again, in ms, 3 how many at most,
--          4 how the key of a job is spelled, with %s for the job, 5 lifetime of shared keys in ms,
--          6 how long webhooks count as attended to, in ms
-- Returns  for each: {job, now in ms, field, value, … of the job}.
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[2], now_ms, 'PX', ARGV[6])
local taken = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now_ms, 'LIMIT', 0, 1000)) do
  if #taken == tonumber(ARGV[3]) then break end
  local key = string.format(ARGV[4], id)
  local job = redis.call('HMGET', key, 'state', 'webhook', 'finished_ms', 'webhook_end', 'webhook_state')
  if not job[2] or (job[5] and job[3] == job[4]) then
    redis.call('ZREM', KEYS[1], id)
  elseif job[1] == 'open' then
    redis.call('ZADD', KEYS[1], now_ms + ARGV[2], id)
  else
    if job[3] ~= job[4] then
      redis.call('HDEL', key, 'webhook_state', 'webhook_error')
      redis.call('HSET', key, 'webhook_end', job[3], 'webhook_first_ms', now_ms, 'webhook_attempts', 0)
    end
    redis.call('HINCRBY', key, 'webhook_attempts', 1)
    redis.call('ZADD', KEYS[1], now_ms + ARGV[1], id)
    local notice = {id, now_ms}
    for _, part in ipairs(redis.call('HGETALL', key)) do notice[#notice + 1] = part end
    taken[#taken + 1] = notice
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return taken
