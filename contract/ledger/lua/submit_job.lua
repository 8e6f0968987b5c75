-- Creates a job with all of its tasks and seals it, in one step. The bells are rung after this. create_job, add_task and
-- seal_job are the files of those names; what they do to keys and lifetimes holds here.
--
-- KEYS[1]  vedette:job:<job>           hash   written
-- KEYS[2]  vedette:job:<job>:tasks     list   the tasks
-- KEYS[3]  vedette:bells:<queue>       zset   task -> now
-- KEYS[4]  vedette:queues              zset   queue -> now
-- KEYS[5]  vedette:task:<task>         hash   of the first task, state queued
-- KEYS[6]  vedette:task:<task>:images  hash   of the first task; then two keys for each of the others
-- Also     vedette:webhooks            zset   as in create_job
-- ARGV     1 to 10 as in create_job, 11 batch size,
--          then for each task its name, how many images it has, and index, ImageRef JSON for each
-- Returns  how many images the job has, or -1 when there is another job of that name.
if redis.call('EXISTS', KEYS[1]) == 1 then
  -- Asked again, for the answer was lost: it is the same job if it has the task, however far it has come.
  if redis.call('EXISTS', KEYS[5]) == 0 then return -1 end
  return tonumber(redis.call('HGET', KEYS[1], 'total'))
end
create_job(KEYS, ARGV)
local key, at = 5, 12
while at < #ARGV do
  local arguments = {ARGV[at], ARGV[8], ARGV[2], ARGV[11], ARGV[3], ARGV[10]}
  local last = at + 1 + 2 * ARGV[at + 1]
  for i = at + 2, last do arguments[#arguments + 1] = ARGV[i] end
  add_task({KEYS[1], KEYS[2], KEYS[key], KEYS[key + 1], KEYS[3], KEYS[4]}, arguments)
  key, at = key + 2, last + 1
end
return seal_job(KEYS, {ARGV[3], '', ARGV[8], ARGV[7], ARGV[10]})
