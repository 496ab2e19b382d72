/**
 * `npm run test:pgbouncer`: what of the API needs most of a connection, with a real PgBouncer in front of PostgreSQL: transactions of many
 * statements, set-based batches, keys, sagas, streams that hang on LISTEN, uploads by COPY, upkeep by functions of the owner.
 */
const { chosenTests } = require('./test/support/chosen-tests.cjs');

const CHOSEN = [
  'test/api/batch.test.ts',
  'test/api/catalogue-changes.test.ts',
  'test/api/idempotency.test.ts',
  'test/api/order-events.test.ts',
  'test/api/reservations.test.ts',
  'test/api/saga-orders.test.ts',
  'test/api/shutdown.test.ts',
  'test/db/ledger-partitions.test.ts',
  'test/feeds/uploading.test.ts',
  'test/pgbouncer/pooled-connections.check.ts',
  'test/pgbouncer/pooler-restarted.check.ts',
];

/** @type {import('jest').Config} */
module.exports = {
  ...chosenTests('pgbouncer', CHOSEN),
  globalSetup: '<rootDir>/test/pgbouncer/global-setup.ts',
  globalTeardown: '<rootDir>/test/pgbouncer/global-teardown.ts',
};
