import { setTimeout as delay } from 'node:timers/promises';
import { TestEnvironment } from 'jest-environment-node';

/** Handles that keep a process alive and that a test file opens itself. Timers are left to the tests' own waits. */
const WATCHED = ['TCPSocketWrap', 'TCPServerWrap', 'TLSWrap', 'ProcessWrap'];
const GRACE_MS = 3_000;

function open(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (WATCHED.includes(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/** Jest's Node environment; besides, a test file fails when it leaves more handles open than it found. */
export default class LeakCheckingEnvironment extends TestEnvironment {
  readonly #before = open();

  override async teardown(): Promise<void> {
    await super.teardown();
    const deadline = Date.now() + GRACE_MS;
    while (this.#leaks().length > 0 && Date.now() < deadline) await delay(20);
    const leaks = this.#leaks();
    if (leaks.length > 0) throw new Error(`This test file has left handles open: ${leaks.join(', ')}`);
  }

  #leaks(): string[] {
    return [...open()]
      .map(([kind, count]) => ({ kind, more: count - (this.#before.get(kind) ?? 0) }))
      .filter(({ more }) => more > 0)
      .map(({ kind, more }) => `${more} ${kind}`);
  }
}
