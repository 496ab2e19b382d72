import { collectDefaultMetrics, Registry, type Counter } from 'prom-client';

/** A registry of its own for each part of a process: nothing is shared by import. */
export function createMetricsRegistry(part: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ part });
  return registry;
}

/** Adds metrics of the process itself: to one registry of a process, since their names are the same in all. */
export function addProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
}

/** A counter that begins at zero for each of these values of its one label, so that its first increase is seen as one. */
export function zeroed<Label extends string>(
  counter: Counter<Label>,
  values: readonly string[],
): Counter<Label> {
  for (const value of values) counter.labels(value).inc(0);
  return counter;
}

/** What registries with different metrics hold, as Prometheus reads it. */
export async function metricsText(registries: readonly Registry[]): Promise<string> {
  return (await Promise.all(registries.map((registry) => registry.metrics()))).join('\n');
}
