-- Records results of images, each once, with the job's counters in the same step. A repeated image changes nothing.
--
-- KEYS[1]  vedette:job:<job>           hash   succeeded, failed raised; state done when nothing is left
-- KEYS[2]  vedette:job:<job>:results   hash   index -> ImageResult JSON
-- KEYS[3]  vedette:job:<job>:order     list   indexes in the order of completion
-- KEYS[4]  vedette:task:<task>         hash   read; lifetime renewed, as of all five
-- KEYS[5]  vedette:task:<task>:images  hash   index removed
-- ARGV     1 attempt, 2 lifetime in ms, then index, 'succeeded' or 'failed', ImageResult JSON for each image
-- Returns  'recorded', 'cancelled' or 'fenced' (also when the job is gone); the last two recorded nothing.
local job = redis.call('HMGET', KEYS[1], 'state', 'sealed', 'total')
local task = redis.call('HMGET', KEYS[4], 'state', 'attempt')
if job[1] == 'cancelled' then return 'cancelled' end
if not job[1] or task[1] ~= 'running' or task[2] ~= ARGV[1] then return 'fenced' end
for i = 3, #ARGV, 3 do
  if redis.call('HSETNX', KEYS[2], ARGV[i], ARGV[i + 2]) == 1 then
    redis.call('RPUSH', KEYS[3], ARGV[i])
    redis.call('HINCRBY', KEYS[1], ARGV[i + 1], 1)
  end
  redis.call('HDEL', KEYS[5], ARGV[i])
end
local counts = redis.call('HMGET', KEYS[1], 'succeeded', 'failed')
if job[2] == '1' and counts[1] + counts[2] == tonumber(job[3]) then
  local time = redis.call('TIME')
  redis.call('HSET', KEYS[1], 'state', 'done', 'finished_ms', time[1] * 1000 + math.floor(time[2] / 1000))
end
for i = 1, 5 do redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
return 'recorded'
