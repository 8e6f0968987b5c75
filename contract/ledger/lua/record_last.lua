-- Records results and, when they leave nothing of the task, closes its attempt: in one step, so that nobody sees a job
-- that has ended and an attempt at it that has not. record and close are the files of those names; what they do to keys
-- and lifetimes holds here.
--
-- KEYS     1 to 7 as in record, 8 to 19 those of close
-- ARGV     1 to 15 as in close, without changed or moved images; from 16 on those of record
-- Returns  'closed', also when this very call closed it before and its answer was lost;
--          'recorded': images are left, and the attempt goes on;
--          'cancelled' or 'fenced', as record does
local results = {}
for i = 16, #ARGV do results[i - 15] = ARGV[i] end
local recorded = record({unpack(KEYS, 1, 7)}, results)
if recorded ~= 'recorded' then
  local attempt = string.sub(ARGV[3], 1, -2)
  local last = redis.call('LRANGE', KEYS[11], -1, -1)[1] or ''
  return string.sub(last, 1, #attempt) == attempt and 'closed' or recorded
end
if redis.call('HLEN', KEYS[5]) > 0 then return 'recorded' end
close({unpack(KEYS, 8, 19)}, {unpack(ARGV, 1, 15)})
return 'closed'
