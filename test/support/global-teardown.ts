import { endRun } from './run-folders';

const EXIT_MS = 10_000;

/** Stops what global set-up started and removes every trace of the run. */
export default async function tearDown(): Promise<void> {
  // With one worker the test files ran in this process, where a handle that one has left open would keep it for ever.
  // That file has failed already; what still keeps us now must not hang the run.
  setTimeout(() => {
    process.stderr.write('Handles that a test file has left open keep this process: ending it.\n');
    process.exit(1);
  }, EXIT_MS).unref();
  if (globalThis.holdfastTestRun) await endRun(globalThis.holdfastTestRun);
}
