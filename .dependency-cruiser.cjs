/** The right-hand column of docs/architecture.md's table of folders, as rules. */
const only = (name, from, to, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: from },
  to: { path: to },
});

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, path: '^(activities|api|domain|platform|worker|workflows)/' },
      to: {},
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
          '^domain/[^/]+/(rules|types)\\.ts$',
          '^node_modules/@temporalio/(workflow|common)/',
          '^node_modules/uuid/',
        ],
        dependencyTypesNot: ['type-only'],
      },
    },
    only(
      'rules-are-pure',
      '^domain/[^/]+/rules\\.ts$',
      '^(platform|activities|api|worker|cli|bench|test)/|queries',
      'Rules are pure functions of their arguments.',
    ),
    only(
      'domain-looks-down',
      '^domain/',
      '^(workflows|activities|api|worker|cli|bench|test)/',
      'The domain knows nothing of who calls it.',
    ),
    only(
      'platform-is-the-floor',
      '^platform/',
      '^(domain|workflows|activities|api|worker|cli|bench|test)/',
      'Nothing of ours is under platform/.',
    ),
    only('activities-look-down', '^activities/', '^(api|worker|cli|bench|test)/'),
    only('api-never-runs-activities', '^api/', '^(activities|worker|cli|bench|test)/'),
    only('worker-knows-no-http', '^worker/', '^(api|cli|bench|test)/'),
    only('only-tests-import-tests', '^(?!test/)', '^test/'),
    {
      name: 'workflow-code-by-path-only',
      severity: 'error',
      comment: 'Outside the bundle only names and messages of a workflow are imported, never its code.',
      from: { path: '^(api|activities|worker|cli|domain|platform)/' },
      to: {
        path: '^workflows/',
        pathNot: '^workflows/(names|messages|start)\\.ts$',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'sql-has-one-home',
      severity: 'error',
      comment: 'pg and knex are reached through platform/database.ts.',
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
