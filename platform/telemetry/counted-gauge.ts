import { Gauge, type Registry } from 'prom-client';

/** A value of a metric with its labels. */
export interface Sample {
  labels: Readonly<Record<string, string>>;
  value: number;
}

/** What one scrape reads is good for the others that come with it. */
const FRESH_MS = 1_000;

/** Adds a gauge that `read` counts at each scrape. It shows nothing where that fails, as while the database is away. */
export function addCountedGauge(
  registry: Registry,
  about: { name: string; help: string; labelNames: string[] },
  read: () => Promise<readonly Sample[]>,
): void {
  new Gauge({
    ...about,
    registers: [registry],
    async collect() {
      const samples = await read().catch(() => []);
      this.reset();
      // Without labels a reset sets 0, which would say that nothing waits.
      if (samples.length === 0 && about.labelNames.length === 0) this.remove();
      for (const { labels, value } of samples) this.set(labels, value);
    },
  });
}

/** The same of a gauge without labels. */
export function addCountedNumber(
  registry: Registry,
  about: { name: string; help: string },
  read: () => Promise<number>,
): void {
  addCountedGauge(registry, { ...about, labelNames: [] }, async () => [{ labels: {}, value: await read() }]);
}

/** `read`, asked once for all who ask within a second: whoever reaches the port can scrape as often as they like. */
export function briefly<T>(read: () => Promise<T>): () => Promise<T> {
  let latest: { at: number; value: Promise<T> } | undefined;
  return () => {
    if (!latest || performance.now() - latest.at > FRESH_MS)
      latest = { at: performance.now(), value: read() };
    return latest.value;
  };
}
