-- Puts dead letters back: their failures leave the results, and their images are queued in a new task.
--
-- KEYS[1]  vedette:job:<job>          hash   failed lowered; open again, without finished_ms, when done or stopped,
--                                            and then without max_failure_rate when stopped
-- KEYS[2]  vedette:job:<job>:tasks    list   the new task appended
-- KEYS[3]  vedette:job:<job>:results  hash   the failures removed
-- KEYS[4]  vedette:job:<job>:order    list   their places emptied, not removed: readers count places
-- KEYS[5]  vedette:job:<job>:dead     hash   the letters removed
-- KEYS[6]  vedette:task:<new>         hash   written, state queued
-- KEYS[7]  vedette:task:<new>:images  hash   the images, as they were submitted
-- KEYS[8]  vedette:queues             zset   queue -> now, of each task that is queued here
-- Also     vedette:bells:<queue>      zset   task -> now, of each task that is queued here
--          vedette:task:<new>:history list   the last attempts of the tasks that gave the images up (:history read)
-- and      vedette:webhooks           zset   job -> when it is looked at, when it has a webhook
-- and, of a stopped job only: vedette:task:<each of its tasks>, queued again when it has images left (:images read)
-- ARGV     1 the new task, 2 job, 3 queue, 4 batch size, 5 lifetime in ms, 6 lifetime of shared keys in ms,
--          7 to 10 how the keys of a task, of its images, of a queue's bells and of a task's history are spelled, with
--          %s for the task and the queue, 11 how many attempts of each task are taken along, 12 how the key of webhooks
--          is spelled, 13 how soon the job is looked at, in ms, then indexes
-- Returns  how many images were put back, 'cancelled', or false when the job is unknown.
--
-- Asked again, for the answer was lost: what the first call did stands in the task.
if redis.call('EXISTS', KEYS[6]) == 1 then return tonumber(redis.call('HGET', KEYS[6], 'revived') or 0) end
local before = redis.call('HGET', KEYS[1], 'state')
if not before or before == 'cancelled' then return before end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local function queue_up(id, key, images, queue)
  redis.call('HSET', key, 'state', 'queued')
  local bells = string.format(ARGV[9], queue)
  redis.call('ZADD', bells, now_ms, id)
  redis.call('ZADD', KEYS[8], now_ms, queue)
  redis.call('PEXPIRE', key, ARGV[5])
  redis.call('PEXPIRE', images, ARGV[5])
  redis.call('PEXPIRE', bells, ARGV[6])
end

local revived = 0
local gave_up, seen = {}, {}
for i = 14, #ARGV do
  local index = ARGV[i]
  local letter = redis.call('HGET', KEYS[5], index)
  if letter and redis.call('HDEL', KEYS[3], index) == 1 then
    letter = cjson.decode(letter)
    redis.call('LSET', KEYS[4], letter.place, '')
    local image = letter.image
    -- Left out, these have their defaults: what was learned of the image held where it failed.
    image.batch_cap, image.shrink, image.lone_deaths = nil, nil, nil
    redis.call('HSET', KEYS[7], index, cjson.encode(image))
    revived = revived + 1
    if not seen[letter.task] then
      seen[letter.task] = true
      gave_up[#gave_up + 1] = letter.task
    end
  end
  redis.call('HDEL', KEYS[5], index)
end
if revived == 0 then return 0 end

redis.call('HSET', KEYS[6], 'job', ARGV[2], 'queue', ARGV[3], 'batch_size', ARGV[4], 'attempt', 0, 'revived', revived)
queue_up(ARGV[1], KEYS[6], KEYS[7], ARGV[3])
local history = string.format(ARGV[10], ARGV[1])
for _, id in ipairs(gave_up) do
  for _, attempt in ipairs(redis.call('LRANGE', string.format(ARGV[10], id), -ARGV[11], -1)) do
    redis.call('RPUSH', history, attempt)
  end
end
redis.call('PEXPIRE', history, ARGV[5])
if before == 'stopped' then
  -- Its tasks were taken off the bells, or closed as cancelled, with images left: nobody would ever do them.
  for _, id in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
    local key, images = string.format(ARGV[7], id), string.format(ARGV[8], id)
    local task = redis.call('HMGET', key, 'state', 'queue')
    if (task[1] == 'queued' or task[1] == 'cancelled') and redis.call('HLEN', images) > 0 then
      queue_up(id, key, images, task[2])
    end
  end
  -- Somebody looked and chose to go on; the failures that stay would stop it again at once.
  redis.call('HDEL', KEYS[1], 'max_failure_rate')
end
redis.call('RPUSH', KEYS[2], ARGV[1])
redis.call('HINCRBY', KEYS[1], 'failed', -revived)
redis.call('HSET', KEYS[1], 'state', 'open')
redis.call('HDEL', KEYS[1], 'finished_ms')
if redis.call('HEXISTS', KEYS[1], 'webhook') == 1 then
  redis.call('ZADD', ARGV[12], now_ms + ARGV[13], ARGV[2])
  redis.call('PEXPIRE', ARGV[12], ARGV[6])
end
for i = 1, 5 do redis.call('PEXPIRE', KEYS[i], ARGV[5]) end
redis.call('PEXPIRE', KEYS[8], ARGV[6])
return revived
