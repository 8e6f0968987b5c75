-- Adds a task with its images to an open job. The doorbell is rung after this.
--
-- KEYS[1]  vedette:job:<job>           hash   total raised
-- KEYS[2]  vedette:job:<job>:tasks     list   task appended
-- KEYS[3]  vedette:task:<task>         hash   written, state queued
-- KEYS[4]  vedette:task:<task>:images  hash   index -> ImageRef JSON, what is still to be done
-- KEYS[5]  vedette:bells:<queue>       zset   task -> when its bell was last rung, ms
-- KEYS[6]  vedette:queues              zset   queue -> when it was last used, ms
-- ARGV     1 task, 2 job, 3 queue, 4 batch size, 5 lifetime in ms, 6 lifetime of shared keys in ms,
--          then index, ImageRef JSON for each image
-- Returns  1, or 0 when the job is not open (unknown, cancelled, sealed).
local job = redis.call('HMGET', KEYS[1], 'state', 'sealed')
if job[1] ~= 'open' or job[2] ~= '0' then return 0 end
-- Asked again, for the answer was lost: the images count once, and a claim that was made meanwhile holds.
if redis.call('EXISTS', KEYS[3]) == 1 then return 1 end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[3],
  'job', ARGV[2], 'state', 'queued', 'queue', ARGV[3], 'batch_size', ARGV[4], 'attempt', 0)
for i = 7, #ARGV, 2 do redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 1]) end
redis.call('RPUSH', KEYS[2], ARGV[1])
redis.call('HINCRBY', KEYS[1], 'total', (#ARGV - 6) / 2)
redis.call('ZADD', KEYS[5], now_ms, ARGV[1])
redis.call('ZADD', KEYS[6], now_ms, ARGV[3])
for i = 1, 4 do redis.call('PEXPIRE', KEYS[i], ARGV[5]) end
for i = 5, 6 do redis.call('PEXPIRE', KEYS[i], ARGV[6]) end
return 1
