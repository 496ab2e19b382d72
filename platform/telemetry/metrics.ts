import { collectDefaultMetrics, Registry } from 'prom-client';

/** A registry of its own for each part that serves `/metrics`: nothing is shared by import. */
export function createMetricsRegistry(part: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ part });
  collectDefaultMetrics({ register: registry });
  return registry;
}
