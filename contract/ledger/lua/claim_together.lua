-- Hands small tasks that wait on the same queue to the slot that has just claimed one, to be run together with it.
--
-- Taken are, by age: tasks that wait and were never attempted, nor split off or revived from one that was; of jobs that
-- are open and whose options are the same to the letter; of the same batch size; whose images still fit into the batch.
-- So nobody's work is held up by more than that one batch, and what has failed once runs alone, and is judged alone.
--
-- KEYS[1]  vedette:bells:<queue>               zset   tasks taken removed
-- KEYS[2]  vedette:leases                      zset   task -> end of its lease, ms
-- KEYS[3]  vedette:job:<job of the first>      hash   read
-- KEYS[4]  vedette:task:<the first>            hash   companions: token, and the tasks taken
-- KEYS[5]  vedette:task:<the first>:history    list   read
-- Also, of each task taken: vedette:task:<task>, as `claim` writes it, and together_with: the first;
-- vedette:task:<task>:images, read; vedette:job:<its job>, read; lifetimes renewed. Of each looked at: these three and
-- vedette:task:<task>:history, read
-- ARGV     1 the first, 2 its attempt, 3 worker, 4 lease in ms, 5 lifetime in ms, 6 lifetime of shared keys in ms,
--          7 a token of this call: sent again because the answer was lost, it is given the same answer,
--          8 and 9 how the keys of a job and of a task are spelled, with %s for the id, 10 the version that the slot
--          reads, 11 how many images there is room for, 12 how many tasks may be taken, 13 how many are looked at,
--          14 how many slots the worker has: as long as there is work for all, they share what waits
-- Returns  {task, job, attempt, index, ImageRef JSON, …} of each task taken; none where the first is not running, or
--          was attempted before.
local first = redis.call('HMGET', KEYS[4], 'state', 'attempt', 'queue', 'batch_size', 'companions')
local wanted = redis.call('HMGET', KEYS[3], 'state', 'options')
if first[1] ~= 'running' or first[2] ~= ARGV[2] or wanted[1] ~= 'open' then return {} end

local function handed_out(id, task, attempt)
  local given = {id, redis.call('HGET', task, 'job'), attempt}
  for _, item in ipairs(redis.call('HGETALL', task .. ':images')) do given[#given + 1] = item end
  return given
end

local taken = {}
if first[5] then
  -- Taken already, by this call: a slot calls once for each claim.
  for id in string.gmatch(first[5], '[^ ]+') do
    local task = string.format(ARGV[9], id)
    local known = redis.call('HMGET', task, 'state', 'attempt', 'token')
    if known[1] == 'running' and known[3] == ARGV[7] then taken[#taken + 1] = handed_out(id, task, known[2]) end
  end
  return taken
end

if first[2] ~= '1' or redis.call('EXISTS', KEYS[5]) == 1 then return {} end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local room = tonumber(ARGV[11])
-- No more than it takes to know the share. (Not ZCARD: Redis users that were made for an older Vedette may not ask.)
local waiting = redis.call('ZRANGE', KEYS[1], 0, math.max(ARGV[13], (ARGV[12] + 1) * ARGV[14]) - 1)
local most = math.min(tonumber(ARGV[12]), math.ceil((#waiting + 1) / ARGV[14]) - 1)
local companions = ARGV[7]
for place, id in ipairs(waiting) do
  if room < 1 or #taken >= most or place > tonumber(ARGV[13]) then break end
  local task = string.format(ARGV[9], id)
  local known = redis.call('HMGET', task, 'job', 'state', 'attempt', 'queue', 'batch_size')
  if known[2] == 'queued' and known[3] == '0' and known[4] == first[3] and known[5] == first[4] then
    local key = string.format(ARGV[8], known[1])
    local job = redis.call('HMGET', key, 'state', 'options', 'v')
    local images = redis.call('HLEN', task .. ':images')
    if job[1] == 'open' and job[2] == wanted[2] and tonumber(job[3] or 1) <= tonumber(ARGV[10])
      and images > 0 and images <= room and redis.call('EXISTS', task .. ':history') == 0 then
      room = room - images
      companions = companions .. ' ' .. id
      redis.call('HSET', task, 'state', 'running', 'attempt', 1, 'worker', ARGV[3], 'claimed_ms', now_ms,
        'token', ARGV[7], 'together_with', ARGV[1])
      redis.call('ZADD', KEYS[2], now_ms + ARGV[4], id)
      redis.call('ZREM', KEYS[1], id)
      for _, part in ipairs({key, task, task .. ':images'}) do redis.call('PEXPIRE', part, ARGV[5]) end
      taken[#taken + 1] = handed_out(id, task, '1')
    end
  end
end
if #taken > 0 then
  redis.call('HSET', KEYS[4], 'companions', companions)
  redis.call('PEXPIRE', KEYS[2], ARGV[6])
end
return taken
