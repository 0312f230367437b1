import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createRegistry } from "../../lib/telemetry/metrics.ts";
import { test } from "../support/test.ts";

test("createRegistry writes counters, gauges and histograms as Prometheus reads them", () => {
  const registry = createRegistry();
  const requests = registry.counter("requests_total", "Requests.");
  const duration = registry.histogram("duration_seconds", "Durations.");
  registry.gauge("up", "Up.", () => [{ value: 1 }]);
  requests.increment({ class: "2xx" });
  requests.increment({ class: "2xx" });
  duration.observe(0.004);
  duration.observe(99);

  const text = registry.render();
  assertStringIncludes(
    text,
    '# HELP requests_total Requests.\n# TYPE requests_total counter\nrequests_total{class="2xx"} 2\n',
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

test("createRegistry writes families in the order they were declared, and series without labels bare", () => {
  const registry = createRegistry();
  registry.gauge("b", "B.", () => [{ labels: { x: "1", y: "2" }, value: 3 }, { labels: {}, value: 4 }]);
  const counter = registry.counter("a", "A.");
  assertEquals(
    registry.render(),
    '# HELP b B.\n# TYPE b gauge\nb{x="1",y="2"} 3\nb 4\n# HELP a A.\n# TYPE a counter\n',
  );
  counter.increment();
  counter.increment();
  assertEquals(registry.render().split("\n").slice(-2), ["a 2", ""]);
});

test("createRegistry counts a duration in the bucket whose bound it equals, and each label's apart", () => {
  const registry = createRegistry();
  const duration = registry.histogram("d", "D.");
  duration.observe(0.0005, { who: "a" });
  duration.observe(60, { who: "b" });
  duration.observe(60.001, { who: "b" });
  const lines = registry.render().split("\n");
  for (
    const line of [
      'd_bucket{who="a",le="0.0005"} 1',
      'd_bucket{who="a",le="+Inf"} 1',
      'd_sum{who="a"} 0.0005',
      'd_bucket{who="b",le="0.0005"} 0',
      'd_bucket{who="b",le="30"} 0',
      'd_bucket{who="b",le="60"} 1',
      'd_bucket{who="b",le="+Inf"} 2',
      'd_count{who="b"} 2',
    ]
  ) assert(lines.includes(line), line);
});

test("createRegistry writes labels down once, however often the same object is handed in", () => {
  const counter = createRegistry().counter("c", "C.");
  let reads = 0;
  const labels = {
    get class() {
      reads++;
      return "2xx";
    },
  };
  for (let times = 0; times < 3; times++) counter.increment(labels);
  assertEquals(reads, 1);
});
