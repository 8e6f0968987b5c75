-- Ends an attempt: the task is done, or queued again with what is left of it. Only the attempt that holds it may.
--
-- KEYS[1]   vedette:job:<job>              hash   read; lifetime renewed, as of the first four
-- KEYS[2]   vedette:task:<task>            hash   state, queue, batch size
-- KEYS[3]   vedette:task:<task>:images     hash   changed images written, moved ones removed
-- KEYS[4]   vedette:task:<task>:history    list   Attempt JSON appended, with how many seconds it took
-- KEYS[5]   vedette:leases                 zset   task removed
-- KEYS[6]   vedette:bells:<queue>          zset   task -> now, when queued again
-- KEYS[7]   vedette:queues                 zset   queue -> now, when queued again; so for the new task's
-- KEYS[8]   vedette:job:<job>:tasks        list   the new task appended
-- KEYS[9]   vedette:task:<new>             hash   written, state queued
-- KEYS[10]  vedette:task:<new>:images      hash   the moved images
-- KEYS[11]  vedette:task:<new>:history     list   a copy of the history so far: what led to the new task
-- KEYS[12]  vedette:bells:<its queue>      zset   the new task -> now
-- Also      vedette:counts:<the job's model>  hash  attempts, and kills, raised
-- ARGV      1 task, 2 attempt, 3 Attempt JSON, 4 lifetime in ms, 5 lifetime of shared keys in ms,
--           6 queue and 7 batch size for what is left, 8 how many changed images,
--           9 the new task, or '', 10 its queue, 11 its batch size, 12 the job,
--           13 how a model's counters are spelled, with %s for it, 14 what the attempt counts as: its verdict, 'done'
--           or 'handed_back', 15 who ended the slot, or '',
--           then index, ImageRef JSON for each changed image, then for each moved one
-- Returns   'done' (nothing is left here), 'queued' (ring the bell), 'cancelled' or 'fenced'.
--           Unless it is 'cancelled' or 'fenced', the new task is queued too.
local task = redis.call('HMGET', KEYS[2], 'state', 'attempt', 'claimed_ms')
if task[1] ~= 'running' or task[2] ~= ARGV[2] then return 'fenced' end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
-- After a failover, its clock may be behind that of the claim.
local seconds = math.max(0, now_ms - (task[3] or now_ms)) / 1000
redis.call('RPUSH', KEYS[4], string.format('%s,"seconds":%.3f}', string.sub(ARGV[3], 1, -2), seconds))
redis.call('ZREM', KEYS[5], ARGV[1])

local function queue_up(id, key, bells, queue, batch_size)
  redis.call('HSET', key, 'state', 'queued', 'queue', queue, 'batch_size', batch_size)
  redis.call('ZADD', bells, now_ms, id)
  redis.call('ZADD', KEYS[7], now_ms, queue)
  redis.call('PEXPIRE', bells, ARGV[5])
  redis.call('PEXPIRE', KEYS[7], ARGV[5])
end

local state = 'cancelled'
local job = redis.call('HMGET', KEYS[1], 'state', 'options')
if job[2] then
  local counts = string.format(ARGV[13], cjson.decode(job[2]).model)
  redis.call('HINCRBY', counts, 'attempts:' .. ARGV[14], 1)
  if ARGV[15] ~= '' then redis.call('HINCRBY', counts, 'kills:' .. ARGV[15], 1) end
  redis.call('PEXPIRE', counts, ARGV[5])
end
if job[1] == 'open' or job[1] == 'done' then
  local moved_from = 16 + 2 * ARGV[8]
  for i = 16, #ARGV, 2 do
    if redis.call('HEXISTS', KEYS[3], ARGV[i]) == 1 then
      if i < moved_from then
        redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
      else
        redis.call('HDEL', KEYS[3], ARGV[i])
        redis.call('HSET', KEYS[10], ARGV[i], ARGV[i + 1])
      end
    end
  end
  if redis.call('EXISTS', KEYS[10]) == 1 then
    redis.call('HSET', KEYS[9], 'job', ARGV[12], 'attempt', 0)
    redis.call('RPUSH', KEYS[8], ARGV[9])
    redis.call('COPY', KEYS[4], KEYS[11])
    queue_up(ARGV[9], KEYS[9], KEYS[12], ARGV[10], ARGV[11])
    for i = 8, 11 do redis.call('PEXPIRE', KEYS[i], ARGV[4]) end
  end
  state = redis.call('HLEN', KEYS[3]) == 0 and 'done' or 'queued'
end
redis.call('HSET', KEYS[2], 'state', state)
if state == 'queued' then queue_up(ARGV[1], KEYS[2], KEYS[6], ARGV[6], ARGV[7]) end
for i = 1, 4 do redis.call('PEXPIRE', KEYS[i], ARGV[4]) end
return state
