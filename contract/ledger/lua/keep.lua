-- Prolongs what belongs to tasks that wait, for a backlog may outlast the lifetime of its results.
--
-- KEYS[1]  vedette:bells:<queue>   zset   lifetime renewed, as of the next
-- KEYS[2]  vedette:queues          zset   queue -> now
-- Also, of each task looked at whose lifetime is half over: vedette:task:<task>, :images and :history, and
-- vedette:job:<its job>, :tasks, :results, :order and :dead: lifetimes renewed
-- ARGV     1 queue, 2 lifetime in ms, 3 lifetime of shared keys in ms, 4 and 5 the first and last task to look at,
--          6 and 7 how the keys of a job and of a task are spelled, with %s for the id
-- Returns  how many tasks were looked at.
local tasks = redis.call('ZRANGE', KEYS[1], ARGV[4], ARGV[5])
if #tasks == 0 then return 0 end
for _, id in ipairs(tasks) do
  local task = string.format(ARGV[7], id)
  local left_ms = redis.call('PTTL', task)
  if left_ms >= 0 and left_ms < ARGV[2] / 2 then
    local job = string.format(ARGV[6], redis.call('HGET', task, 'job'))
    for _, part in ipairs({'', ':images', ':history'}) do redis.call('PEXPIRE', task .. part, ARGV[2]) end
    for _, part in ipairs({'', ':tasks', ':results', ':order', ':dead'}) do redis.call('PEXPIRE', job .. part, ARGV[2]) end
  end
end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
for i = 1, 2 do redis.call('PEXPIRE', KEYS[i], ARGV[3]) end
return #tasks
