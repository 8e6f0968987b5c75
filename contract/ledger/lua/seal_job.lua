-- Says that no more tasks will be added. A job is done when it is sealed and every image has its result.
--
-- KEYS[1]  vedette:job:<job>   hash   sealed set; state done when nothing is left
-- ARGV     1 lifetime in ms, 2 images that the job should have, or ''
-- Returns  how many images it has; sealed only if it should. False when the job is unknown.
local job = redis.call('HMGET', KEYS[1], 'state', 'total', 'succeeded', 'failed')
if not job[1] then return false end
if ARGV[2] ~= '' and ARGV[2] ~= job[2] then return tonumber(job[2]) end
redis.call('HSET', KEYS[1], 'sealed', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
if job[1] == 'open' and job[3] + job[4] == tonumber(job[2]) then
  local time = redis.call('TIME')
  redis.call('HSET', KEYS[1], 'state', 'done', 'finished_ms', time[1] * 1000 + math.floor(time[2] / 1000))
end
return tonumber(job[2])
