-- Health of a ConfigMap: the one in which dayfly explains a quarantine is Degraded, and its message is the findings.
local labels = obj.metadata.labels or {}
if labels["dayfly.dev/quarantine"] == "true" then
  return {status = "Degraded", message = (obj.data or {}).findings or "quarantined"}
end
return {status = "Healthy"}
