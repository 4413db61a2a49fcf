-- wrk counts the requests in this string, and each answer to them.
local depth = 16
local batch

function init()
  local requests = {}
  for n = 1, depth do
    requests[n] = wrk.format("GET", "/hello")
  end
  batch = table.concat(requests)
end

function request()
  return batch
end
