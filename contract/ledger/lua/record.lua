-- Records results of images, each once, with the job's counters in the same step. A repeated image changes nothing.
--
-- KEYS[1]  vedette:job:<job>           hash   succeeded, failed raised; state done when nothing is left,
--                                             stopped when too many failed
-- KEYS[2]  vedette:job:<job>:results   hash   index -> ImageResult JSON
-- KEYS[3]  vedette:job:<job>:order     list   indexes in the order of completion
-- KEYS[4]  vedette:task:<task>         hash   read; lifetime renewed, as of all six
-- KEYS[5]  vedette:task:<task>:images  hash   index removed
-- KEYS[6]  vedette:job:<job>:dead      hash   index -> JSON of task, place in the order, image; of the dead ones
-- KEYS[7]  vedette:counts:<model>      hash   counters raised by what is new; see contract/ledger/counts.py
-- Also     vedette:webhooks            zset   job -> now, when it has ended and has a webhook: in this step, so that
--                                             whoever records the last image may die over it
-- ARGV     1 attempt, 2 lifetime in ms, 3 task, 4 lifetime of counters and of webhooks in ms,
--          5 how many pairs to add and 6 to set, 7 the job, 8 how the key of webhooks is spelled,
--          then these pairs of field and number, which count if any image is new,
--          then index, 'succeeded', 'failed' or 'dead' (counted as failed), its failure's code, ImageResult JSON for
--          each image
-- Returns  'recorded', 'cancelled' (or stopped) or 'fenced' (also when the job is gone); the last two recorded nothing.
local job = redis.call('HMGET', KEYS[1], 'state', 'sealed', 'total', 'max_failure_rate', 'webhook')
local task = redis.call('HMGET', KEYS[4], 'state', 'attempt')
if job[1] == 'cancelled' or job[1] == 'stopped' then return 'cancelled' end
if not job[1] or task[1] ~= 'running' or task[2] ~= ARGV[1] then return 'fenced' end
local counts = {}
local function count(name) counts[name] = (counts[name] or 0) + 1 end
local adds_end = 8 + 2 * ARGV[5]
local sets_end = adds_end + 2 * ARGV[6]
for i = sets_end + 1, #ARGV, 4 do
  -- What the task no longer holds has its result, or was taken out of the results again and is in another task.
  local image = redis.call('HGET', KEYS[5], ARGV[i])
  if image and redis.call('HSETNX', KEYS[2], ARGV[i], ARGV[i + 3]) == 1 then
    local dead = ARGV[i + 1] == 'dead'
    local place = redis.call('RPUSH', KEYS[3], ARGV[i]) - 1
    redis.call('HINCRBY', KEYS[1], dead and 'failed' or ARGV[i + 1], 1)
    count('images:' .. ARGV[i + 1])
    if ARGV[i + 2] ~= '' then count('failures:' .. ARGV[i + 2]) end
    if dead then
      local letter = '{"task":"' .. ARGV[3] .. '","place":' .. place .. ',"image":' .. image .. '}'
      redis.call('HSET', KEYS[6], ARGV[i], letter)
    end
  end
  redis.call('HDEL', KEYS[5], ARGV[i])
end
if next(counts) then
  for name, number in pairs(counts) do redis.call('HINCRBY', KEYS[7], name, number) end
  for i = 9, adds_end, 2 do redis.call('HINCRBY', KEYS[7], ARGV[i], ARGV[i + 1]) end
  if sets_end > adds_end then redis.call('HSET', KEYS[7], unpack(ARGV, adds_end + 1, sets_end)) end
  redis.call('PEXPIRE', KEYS[7], ARGV[4])
end
local counted = redis.call('HMGET', KEYS[1], 'succeeded', 'failed')
local ended = false
if job[2] == '1' then
  if counted[1] + counted[2] == tonumber(job[3]) then ended = 'done'
  -- 0.29 of 100 are 28.999… to a computer: the 29th failure is still allowed.
  elseif job[4] and counted[2] - job[4] * job[3] > 1e-6 then ended = 'stopped' end
end
-- Once: asked again, for the answer was lost, it ended when it did.
if ended and job[1] == 'open' then
  local time = redis.call('TIME')
  local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('HSET', KEYS[1], 'state', ended, 'finished_ms', now_ms)
  if job[5] then
    redis.call('ZADD', ARGV[8], now_ms, ARGV[7])
    redis.call('PEXPIRE', ARGV[8], ARGV[4])
  end
end
for i = 1, 6 do redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
return 'recorded'
