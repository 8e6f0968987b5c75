-- Prolongs the uploads of tasks that wait, for a job may wait for longer than an upload lives.
--
-- What a task refers to is looked at when it has waited for half of an upload's lifetime since it was last looked at, or
-- never was: its images are read then, and at no other time. Of a task without uploads that is once.
--
-- KEYS[1]  vedette:bells:<queue>  zset  read
-- KEYS[2]  vedette:blobs          zset  digest -> when its lifetime is over, ms; lifetime renewed, as of the next
-- KEYS[3]  vedette:blobs:bytes    hash
-- Also, of each task looked at: vedette:task:<task>, uploads_ms: when, or '' where there are none;
-- vedette:task:<task>:images, read; vedette:blob:<digest> of each upload: lifetime renewed where some of it is over
-- ARGV     1 and 2 the first and last task to look at, 3 lifetime of an upload in ms, 4 least lifetime of the lists in
--          ms, 5 and 6 how the keys of a task and of a blob are spelled, with %s for the id and the digest
-- Returns  how many uploads were prolonged.
local lifetime_ms = tonumber(ARGV[3])
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local prolonged = 0

local function prolong(digest)
  local blob = string.format(ARGV[6], digest)
  local left_ms = redis.call('PTTL', blob)
  if left_ms < 0 or left_ms >= lifetime_ms then return end
  redis.call('PEXPIRE', blob, lifetime_ms)
  redis.call('ZADD', KEYS[2], now_ms + lifetime_ms, digest)
  prolonged = prolonged + 1
end

for _, id in ipairs(redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2])) do
  local task = string.format(ARGV[5], id)
  local known = redis.call('HMGET', task, 'job', 'uploads_ms')
  local looked_ms = tonumber(known[2] or 0)  -- nil where there are none
  if known[1] and looked_ms and now_ms - looked_ms >= lifetime_ms / 2 then
    local has_uploads = false
    for _, image in ipairs(redis.call('HVALS', task .. ':images')) do
      -- Only the field itself is spelled so: quotes within a string have a backslash before them.
      local digest = string.match(image, '"uri":%s*"blob:sha256:(%x+)"')
      if digest then
        has_uploads = true
        prolong(digest)
      end
    end
    redis.call('HSET', task, 'uploads_ms', has_uploads and now_ms or '')
  end
end
for i = 2, 3 do
  if prolonged > 0 and redis.call('PTTL', KEYS[i]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[i], ARGV[4]) end
end
return prolonged
