-- Posts the lines of a file in turn, and prints what wrk counted as one line of JSON.
local requests, turn = {}, 0

function init(arguments)
  wrk.headers["Content-Type"] = "application/json"
  for body in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("POST", nil, nil, body)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local failed = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "refused": %d, "failed": %d, "timed_out": %d, "p50_ms": %f, "p99_ms": %f}\n',
    summary.requests, summary.duration / 1e6, failed.status, failed.connect + failed.read + failed.write,
    failed.timeout, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
