import { assertEquals, assertStringIncludes } from "@std/assert";
import { createRegistry } from "../../lib/telemetry/metrics.ts";
import { test } from "../support/test.ts";

test("createRegistry writes counters, gauges and histograms as Prometheus reads them", () => {
  const registry = createRegistry();
  const requests = registry.counter("requests_total", "Requests.");
  const duration = registry.histogram("duration_seconds", "Durations.");
  registry.gauge("up", "Up.", () => [{ value: 1 }]);
  requests.increment({ class: "2xx" });
  requests.increment({ class: "2xx" }, 2);
  duration.observe(0.004);
  duration.observe(99);

  const text = registry.render();
  assertStringIncludes(
    text,
    '# HELP requests_total Requests.\n# TYPE requests_total counter\nrequests_total{class="2xx"} 3\n',
  );
  assertStringIncludes(text, "# TYPE up gauge\nup 1\n");
  assertStringIncludes(text, 'duration_seconds_bucket{le="0.0025"} 0\n');
  assertStringIncludes(text, 'duration_seconds_bucket{le="0.005"} 1\n');
  assertStringIncludes(text, 'duration_seconds_bucket{le="60"} 1\n');
  assertStringIncludes(text, 'duration_seconds_bucket{le="+Inf"} 2\n');
  assertStringIncludes(text, "duration_seconds_sum 99.004\nduration_seconds_count 2\n");
});

test("createRegistry escapes label values", () => {
  const registry = createRegistry();
  registry.counter("c", "C.").increment({ l: 'a"b\\c\nd' });
  assertEquals(registry.render().split("\n")[2], 'c{l="a\\"b\\\\c\\nd"} 1');
});
