import type { EmbeddedPostgres } from '../../platform/embedded/postgres';
import type { TemporalServer } from '../../platform/embedded/temporal';

/** Names of the variables through which the run's servers are told to the test files. */
export const ENV = {
  postgres: 'HOLDFAST_TEST_POSTGRES_URL',
  postgresRuntime: 'HOLDFAST_TEST_POSTGRES_RUNTIME_URL',
  template: 'HOLDFAST_TEST_TEMPLATE',
  cluster: 'HOLDFAST_TEST_CLUSTER',
  temporal: 'HOLDFAST_TEST_TEMPORAL_ADDRESS',
  temporalCli: 'HOLDFAST_TEST_TEMPORAL_CLI',
  /** host:port, only where the run has one. */
  pooler: 'HOLDFAST_TEST_POOLER',
  folder: 'HOLDFAST_TEST_FOLDER',
  bundle: 'HOLDFAST_TEST_WORKFLOW_BUNDLE',
  countingBundle: 'HOLDFAST_TEST_COUNTING_WORKFLOW_BUNDLE',
} as const;

/** What one run of the tests has started, from global set-up to global teardown. */
export interface TestRun {
  folder: string;
  postgres?: EmbeddedPostgres;
  temporal?: TemporalServer;
}

declare global {
  // Set-up and teardown are loaded apart and share only the global object of the main process.
  var holdfastTestRun: TestRun | undefined;
}

/** A variable that global set-up has set. */
export function fromSetup(name: keyof typeof ENV): string {
  const value = process.env[ENV[name]];
  if (!value) throw new Error(`${ENV[name]} is not set: global set-up has not run, or had nothing to set.`);
  return value;
}
