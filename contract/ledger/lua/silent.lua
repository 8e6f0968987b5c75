-- The reconciler's other question: which tasks wait on a queue without a doorbell in it, by Redis' own clock.
--
-- Doorbells are taken in the order in which they were rung. So the bell of a task is lost when the queue is empty, and
-- also when the one that comes next was rung much later than the task's: a queue that is never empty hides nothing.
--
-- KEYS[1]  vedette:bells:<queue>   zset   read
-- KEYS[2]  <queue>                 list   its last element, the next to be taken, read
-- ARGV     1 how long a bell may be silent, in ms, 2 how many tasks at most
-- Returns  task ids, the longest silent first.
local time = redis.call('TIME')
local until_ms = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[1]
local next_one = redis.call('LINDEX', KEYS[2], -1)
if next_one then
  local is_json, message = pcall(cjson.decode, next_one)
  local headers = is_json and type(message) == 'table' and message.headers
  local id = type(headers) == 'table' and headers.id
  local rung_ms = type(id) == 'string' and redis.call('ZSCORE', KEYS[1], id)
  -- Of no task that waits: doubled, late, or no doorbell at all. It tells nothing, and is soon gone.
  if not rung_ms then return {} end
  until_ms = '(' .. string.format('%.0f', rung_ms - ARGV[1])
end
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', until_ms, 'LIMIT', 0, ARGV[2])
