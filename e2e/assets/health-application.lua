-- Health of a child Application, as a step of its environment's sync: Healthy only once this very revision was compared, synced
-- and is healthy. A child that was just given a new revision still carries the health of the old one.
local health = {status = "Progressing", message = "Waiting for the Application to be synced"}
local status = obj.status
if status == nil or obj.metadata.deletionTimestamp ~= nil then
  return health
end

-- Argo CD runs this without Lua's string library.
local errors = {ComparisonError = true, InvalidSpecError = true, SyncError = true, UnknownError = true}
for _, condition in ipairs(status.conditions or {}) do
  if errors[condition.type] then
    return {status = "Degraded", message = condition.message}
  end
end

local compared = status.sync and status.sync.comparedTo and status.sync.comparedTo.source
if compared == nil or compared.targetRevision ~= obj.spec.source.targetRevision then
  return health
end

local operation = status.operationState
if operation and operation.syncResult and operation.syncResult.revision == status.sync.revision
    and (operation.phase == "Failed" or operation.phase == "Error") then
  return {status = "Degraded", message = operation.message}
end
if status.sync.status ~= "Synced" or operation == nil or operation.phase ~= "Succeeded" then
  return health
end

if status.health and status.health.status then
  health.status = status.health.status
  health.message = status.health.message or ""
end
return health
