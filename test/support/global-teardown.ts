import { endRun } from './run-folders';

/** Stops what global set-up started and removes every trace of the run. */
export default async function tearDown(): Promise<void> {
  if (globalThis.holdfastTestRun) await endRun(globalThis.holdfastTestRun);
}
