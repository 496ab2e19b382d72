import { collectDefaultMetrics, Registry } from 'prom-client';

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

/** What registries with different metrics hold, as Prometheus reads it. */
export async function metricsText(registries: readonly Registry[]): Promise<string> {
  return (await Promise.all(registries.map((registry) => registry.metrics()))).join('\n');
}
