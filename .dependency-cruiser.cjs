/** The rooms of docs/architecture.md and what each may import, as rules. */
const only = (name, from, to, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: from },
  to: { path: to },
});

/** Rooms of the domain, lowest first: a room imports only rooms that come before it. */
const ROOMS = [
  'audit',
  'event-log',
  'identity',
  'catalog',
  'jobs',
  'files',
  'uploads',
  'stock',
  'product-import',
  'orders',
  'money',
  'payments',
  'settlement',
  'payouts',
  'reconciliation',
  'fulfilment',
  'warehousing',
  'events',
  'webhooks',
  'reports',
  'analytics',
  'forecasting',
  'notifications',
  'ordering',
  'assurance',
  'administration',
  'erasure',
  'demo',
];

/** Rooms of the API, lowest first. `server.ts` puts them together and is imported by none. */
const API_ROOMS = [
  'http',
  'schemas',
  'idempotency',
  'temporal',
  'streams',
  'sockets',
  'services',
  'use-cases',
  'routes',
];

/** A rule for each room: of the same part of the program it imports only itself and rooms below it. */
const looksDown = (part, rooms, prefix) =>
  rooms.map((room, place) =>
    only(
      `${prefix}${room}-looks-down`,
      `^${part}/${room}/`,
      `^${part}/(?!(${rooms.slice(0, place + 1).join('|')})/)`,
      'Rooms import only rooms below them; what a lower room needs of a higher one is handed in.',
    ),
  );

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-folder-cycles',
      severity: 'error',
      scope: 'folder',
      from: { pathNot: '^test' },
      to: { circular: true, pathNot: '^test' },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, path: '^(activities|api|domain|integrations|platform|worker|workflows)/' },
      to: {},
    },
    ...looksDown('domain', ROOMS, ''),
    ...looksDown('api', API_ROOMS, 'api-'),
    {
      name: 'queries-are-private',
      severity: 'error',
      comment: "A folder's statements are its own: others call its public functions.",
      from: { path: '^((?:domain|integrations)/.+)/[^/]+\\.ts$' },
      to: { path: '^(domain|integrations)/.*queries\\.ts$', pathNot: '^$1/[^/]+\\.ts$' },
    },
    {
      name: 'statements-stay-in-the-domain',
      severity: 'error',
      comment: 'Callers of the domain use its public functions, not its statements.',
      from: { path: '^(activities|api|cli|worker|workflows)/' },
      to: { path: '^(domain|integrations)/.*queries\\.ts$' },
    },
    {
      name: 'workflows-are-pure',
      severity: 'error',
      comment:
        'Workflow code is replayed: no IO, no zod (bundle 1.6 → 4.2 MiB), only pure rules and message types.',
      from: { path: '^workflows/' },
      to: {
        path: '.*',
        pathNot: [
          '^workflows/',
          '^domain/.+/(rules|types)\\.ts$',
          '^node_modules/@temporalio/(workflow|common)/',
          '^node_modules/uuid/',
        ],
        dependencyTypesNot: ['type-only'],
      },
    },
    only(
      'rules-are-pure',
      '^domain/.+/rules\\.ts$',
      '^(platform/(?!told-commands)|(integrations|activities|api|worker|cli|bench|test)/)|queries',
      'Rules are pure functions of their arguments, as is the wording of commands.',
    ),
    only(
      'domain-looks-down',
      '^domain/',
      '^(integrations|workflows|activities|api|worker|cli|bench|test)/',
      'The domain knows nothing of who calls it, nor of third parties.',
    ),
    only(
      'platform-is-the-floor',
      '^platform/',
      '^(domain|integrations|workflows|activities|api|worker|cli|bench|test)/',
      'Nothing of ours is under platform/.',
    ),
    only('integrations-look-down', '^integrations/', '^(workflows|activities|api|worker|cli|bench|test)/'),
    only('activities-look-down', '^activities/', '^(integrations|api|worker|cli|bench|test)/'),
    only('api-never-runs-activities', '^api/', '^(activities|worker|cli|bench|test)/'),
    only('worker-knows-no-http', '^worker/', '^(api|cli|bench|test)/'),
    only('only-tests-import-tests', '^(?!test/|jest\\.)', '^test/'),
    {
      name: 'workflow-code-by-path-only',
      severity: 'error',
      comment: 'Outside the bundle only names and messages of a workflow are imported, never its code.',
      from: { path: '^(api|activities|worker|cli|domain|integrations|platform)/' },
      to: {
        path: '^workflows/',
        pathNot: '^workflows/contract/(names|messages|start)\\.ts$',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'sql-has-one-home',
      severity: 'error',
      comment: 'pg and knex are reached through platform/database/.',
      from: { pathNot: '^(platform|test|bench)/' },
      to: { path: '^node_modules/(pg|knex)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-dev-dependencies-in-product',
      severity: 'error',
      from: { pathNot: '^(test|bench)/' },
      to: { dependencyTypes: ['npm-dev'], pathNot: '^node_modules/@types/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    exclude: { path: '^(dist|coverage)/' },
  },
};
