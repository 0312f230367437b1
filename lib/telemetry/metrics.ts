/**
 * Counters, gauges and histograms, and their text in the Prometheus exposition format 0.0.4.
 *
 * Knows nothing of what is counted: each part declares its own series when it is built.
 *
 * @module
 */

/** The values of a series' labels, by name. */
export type Labels = Readonly<Record<string, string>>;

/** A number that only grows. */
export interface Counter {
  increment(labels?: Labels): void;
}

/** A number that is read when somebody asks. */
export type GaugeReader = () => readonly { readonly labels?: Labels; readonly value: number }[];

/** A distribution of durations. */
export interface Histogram {
  /** @param seconds the duration to count */
  observe(seconds: number, labels?: Labels): void;
}

/** Where parts declare what they count. */
export interface Metrics {
  counter(name: string, help: string): Counter;
  gauge(name: string, help: string, read: GaugeReader): void;
  histogram(name: string, help: string): Histogram;
}

/** The metrics of the process, which can also write themselves down. */
export interface Registry extends Metrics {
  /** Writes every series in the exposition format, in the order they were declared. */
  render(): string;
}

/** Upper bounds in seconds: from a cached answer to the longest deadline. */
const BUCKETS_SEC = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Creates an empty registry. */
export function createRegistry(): Registry {
  const families: (() => string)[] = [];
  const declare = (type: string, name: string, help: string, samples: () => string[]) => {
    families.push(() => [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples(), ""].join("\n"));
  };

  return {
    counter(name, help) {
      const totals = new Map<string, number>();
      declare("counter", name, help, () => [...totals].map(([labels, total]) => `${name}${labels} ${total}`));
      return {
        increment(labels) {
          const key = formatLabels(labels);
          totals.set(key, (totals.get(key) ?? 0) + 1);
        },
      };
    },

    gauge(name, help, read) {
      declare("gauge", name, help, () => read().map(({ labels, value }) => `${name}${formatLabels(labels)} ${value}`));
    },

    histogram(name, help) {
      const series = new Map<string, { labels: Labels | undefined; counts: number[]; sum: number }>();
      declare("histogram", name, help, () =>
        [...series.values()].flatMap(({ labels, counts, sum }) => {
          let running = 0;
          const buckets = counts.map((count, i) => {
            running += count;
            const le = i < BUCKETS_SEC.length ? String(BUCKETS_SEC[i]) : "+Inf";
            return `${name}_bucket${formatLabels({ ...labels, le })} ${running}`;
          });
          const suffix = formatLabels(labels);
          return [...buckets, `${name}_sum${suffix} ${sum}`, `${name}_count${suffix} ${running}`];
        }));
      return {
        observe(seconds, labels) {
          const key = formatLabels(labels);
          let entry = series.get(key);
          if (entry === undefined) {
            entry = { labels, counts: new Array(BUCKETS_SEC.length + 1).fill(0), sum: 0 };
            series.set(key, entry);
          }
          const bucket = BUCKETS_SEC.findIndex((bound) => seconds <= bound);
          entry.counts[bucket < 0 ? BUCKETS_SEC.length : bucket]! += 1;
          entry.sum += seconds;
        },
      };
    },

    render: () => families.map((family) => family()).join(""),
  };
}

const formatted = new WeakMap<Labels, string>();

/** Writes labels down, once for each object: whoever counts often hands in the same one. */
function formatLabels(labels: Labels | undefined): string {
  if (labels === undefined) return "";
  let text = formatted.get(labels);
  if (text === undefined) {
    const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
    text = pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
    formatted.set(labels, text);
  }
  return text;
}

function escapeLabel(value: string): string {
  return value.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n");
}
