/**
 * `npm run test:node-versions`: what depends on Node itself or on a module with code of its own for it. The whole suite under each version takes
 * half an hour and says no more.
 */
const { chosenTests } = require('./test/support/chosen-tests.cjs');

module.exports = chosenTests('node-versions', [
  // Node's parser of HTTP, its errors and its time limits.
  'test/api/connections.test.ts',
  'test/api/conventions.test.ts',
  'test/api/upload.test.ts',
  // WebSockets, and upgrades that are served as ordinary requests.
  'test/live/connections.test.ts',
  // argon2; Ed25519 and AES-GCM of Node's crypto.
  'test/identity/passwords.test.ts',
  'test/identity/signing.test.ts',
  'test/platform/payload-codec.test.ts',
  // The command line.
  'test/identity/commands.test.ts',
  // PostgreSQL: COPY by streams.
  'test/feeds/uploading.test.ts',
  // Temporal's native half, its threads of workflows, and the bundle that they run.
  'test/replay/replay.test.ts',
  'test/workflows/plain-path.test.ts',
  // WebAssembly in an ES module that is required.
  'test/forecasting/models.test.ts',
  // Mail over TLS, name servers, and spans over fetch.
  'test/notifications/smtp-mailer.test.ts',
  'test/observability/otlp.test.ts',
  'test/webhooks/sender.test.ts',
]);
