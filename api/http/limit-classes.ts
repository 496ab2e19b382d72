/** Classes of routes, each with a limit of its own for each caller: the setting that says it. */
export const LIMIT_CLASSES = {
  reads: 'LIMIT_READS',
  writes: 'LIMIT_WRITES',
  reports: 'LIMIT_REPORTS',
  uploads: 'LIMIT_UPLOADS',
  webhooks: 'LIMIT_WEBHOOKS',
  registrations: 'LIMIT_REGISTRATIONS',
} as const;
export type LimitClass = keyof typeof LIMIT_CLASSES;

/** By what the route says, or else by its methods. Null: whoever asks, as often as they like. */
export function limitClassOf(route: {
  limit?: LimitClass | null;
  upload?: readonly string[];
  methods: readonly string[];
}): LimitClass | null {
  if (route.limit !== undefined) return route.limit;
  if (route.upload) return 'uploads';
  return route.methods.every((method) => method === 'get') ? 'reads' : 'writes';
}
