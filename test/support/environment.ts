import { setTimeout as delay } from 'node:timers/promises';
import { TestEnvironment } from 'jest-environment-node';

/** Handles that keep a process alive and that a test file opens itself. Timers are left to the tests' own waits. */
const WATCHED = ['TCPSocketWrap', 'TCPServerWrap', 'TLSWrap', 'ProcessWrap'];
/** Those that are being closed go away meanwhile; only a file that fails waits so long. */
const GRACE_MS = 30_000;

function open(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (WATCHED.includes(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/** How often each statement, function and branch of a file ran, as Istanbul counts. */
interface Counted {
  s: Record<string, number>;
  f: Record<string, number>;
  b: Record<string, number[]>;
}

/** Where modules count, and Jest looks for the counts of a test file. */
interface Counting {
  __coverage__?: Record<string, Counted>;
}

/** What each file's counts were when they were last reported, by path: how many of them were above zero. */
const reported = new Map<string, number>();
/** Of this process: the product's modules are loaded once and go on counting in here (runtime.cjs). */
const counts: Record<string, Counted> = {};

/**
 * The counts of the files of which something ran that had not run before in this process. Jest copies what it finds after every test
 * file and sends it to its main process: of all files that was a quarter of the run's processor time. What is covered stays
 * the same; how often is not reported.
 */
function newlyCovered(): Record<string, Counted> {
  const fresh: Record<string, Counted> = {};
  for (const [path, file] of Object.entries(counts)) {
    const ran = numberRun(file);
    if (ran !== reported.get(path)) fresh[path] = file;
    reported.set(path, ran);
  }
  return fresh;
}

/** Counts only grow, so that the number of those above zero changes with what has run. */
function numberRun({ s, f, b }: Counted): number {
  let ran = 0;
  for (const hits of Object.values(s)) if (hits > 0) ran++;
  for (const hits of Object.values(f)) if (hits > 0) ran++;
  for (const ways of Object.values(b)) for (const hits of ways) if (hits > 0) ran++;
  return ran;
}

/** Properties of the global object that packages have set, which they may look for in the files to come. */
const globalsOfPackages = new Set<PropertyKey>();

/** What a test file may change of the process that it shares with those after it. */
function processState() {
  const globals = new Map(
    Reflect.ownKeys(globalThis).map((key) => [key, Object.getOwnPropertyDescriptor(globalThis, key)]),
  );
  const [env, exit] = [{ ...process.env }, process.exit];
  return {
    restore() {
      for (const key of Reflect.ownKeys(globalThis))
        if (!globals.has(key) && !globalsOfPackages.has(key)) Reflect.deleteProperty(globalThis, key);
      for (const [key, descriptor] of globals)
        if (descriptor) Reflect.defineProperty(globalThis, key, descriptor);
      for (const name of Object.keys(process.env))
        if (!(name in env)) Reflect.deleteProperty(process.env, name);
      Object.assign(process.env, env);
      process.exit = exit;
    },
  };
}

/**
 * Test files in the context of Node itself, one after the other, instead of one context each: packages and the product are loaded
 * once a process (runtime.cjs), and what they throw is an `Error` for a test as well. What a file changes of the global object and of the
 * process is put back. A file fails when it leaves more handles open than it found.
 */
export default class Environment extends TestEnvironment {
  readonly #before = open();
  readonly #process = processState();
  #hasFailed = false;

  constructor(...[config, context]: ConstructorParameters<typeof TestEnvironment>) {
    super(config, context);
    this.global = globalThis as unknown as typeof this.global;
    if (config.globalConfig.collectCoverage) (this.global as Counting).__coverage__ = counts;
    this.moduleMocker &&= Reflect.construct(this.moduleMocker.constructor, [
      globalThis,
    ]) as typeof this.moduleMocker;
    // No test replaces timers: these would be those of a context that is not used.
    this.fakeTimers = null;
    this.fakeTimersModern = null;
  }

  /** Tells of a package that was loaded (runtime.cjs): what is on the global object and was not `before` stays there. */
  keepGlobals(before: readonly PropertyKey[]): void {
    const known = new Set(before);
    for (const key of Reflect.ownKeys(globalThis)) if (!known.has(key)) globalsOfPackages.add(key);
  }

  handleTestEvent({ name, test }: { name: string; test?: { errors?: readonly unknown[] } }): void {
    this.#hasFailed ||= name === 'test_done' && (test?.errors?.length ?? 0) > 0;
    const globals = this.global as Counting;
    if (name === 'run_finish' && globals.__coverage__) globals.__coverage__ = newlyCovered();
  }

  override async teardown(): Promise<void> {
    await super.teardown();
    this.#process.restore();
    const deadline = Date.now() + GRACE_MS;
    while (this.#leaks().length > 0 && Date.now() < deadline) await delay(20);
    const leaks = this.#leaks();
    if (leaks.length === 0) return;
    const message = `This test file has left handles open: ${leaks.join(', ')}`;
    // What is thrown here replaces the results of the tests: of those that failed, and of why they left something open.
    if (this.#hasFailed) process.stderr.write(`${message}\n`);
    else throw new Error(message);
  }

  #leaks(): string[] {
    return [...open()]
      .map(([kind, count]) => ({ kind, more: count - (this.#before.get(kind) ?? 0) }))
      .filter(({ more }) => more > 0)
      .map(({ kind, more }) => `${more} ${kind}`);
  }
}
