-- Percentiles and errors of wrk as one JSON line: its own report rounds them.
done = function(summary, latency, requests)
  local points = {}
  for p = 1, 99 do points[#points + 1] = latency:percentile(p) end
  for _, p in ipairs({ 99.5, 99.9, 99.95, 99.99 }) do points[#points + 1] = latency:percentile(p) end
  local e = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"durationUs":%d,"maxUs":%d,"meanUs":%f,"failures":%d,"percentilesUs":[%s]}\n',
    summary.requests, summary.duration, latency.max, latency.mean,
    e.connect + e.read + e.write + e.status + e.timeout, table.concat(points, ',')))
end
