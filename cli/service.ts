import { asError } from '../platform/errors';
import type { Logger } from '../platform/telemetry/log';
import { withTimeout } from '../platform/with-timeout';

/** A running command, as the parts it starts see it. */
export interface Service {
  /** Says how to stop a part that has just started. One after the other is stopped, the last started first. */
  onStop(part: Part): void;
  /** Tells that a part ended by itself: everything is stopped, and the command fails. */
  failed(name: string, error: unknown): void;
  /** Aborted when it is time to stop. */
  readonly stopping: AbortSignal;
  /** Resolves when it is time to stop. */
  untilStopping(): Promise<void>;
}

export interface Part {
  name: string;
  stop(): Promise<unknown>;
  /** Name of a part that was started earlier and yet must have stopped before this one. */
  stopAfter?: string;
  /** Ends at once what would outlive this process. */
  kill?(): void;
}

export interface ServiceOptions {
  log: Logger;
  /** Seconds that stopping one part may take. */
  stopSeconds: number;
  /** Told when a first signal asks to stop. */
  onSignal?(signal: NodeJS.Signals): void;
}

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type StopSignal = keyof typeof EXIT_CODES;

/** Ctrl-C reaches us from the terminal and once more from npm, which passes it on: that is one request, not two. */
const SAME_SIGNAL_MS = 1_000;
/** How long a start that is under way may take to notice that it is no longer wanted. */
const START_NOTICE_MS = 5_000;

/**
 * Runs `body` until it returns its exit code, a signal asks to stop, a part fails or an error is not caught; then
 * stops every part. A second signal ends everything at once.
 *
 * @returns `body`'s exit code, or 0 after a signal
 * @throws the error that ended it
 */
export async function runService(
  options: ServiceOptions,
  body: (service: Service) => Promise<number>,
): Promise<number> {
  const { log } = options;
  const parts: Part[] = [];
  const ending = new AbortController();
  let firstSignalAt = 0;
  let failure: Error | undefined;

  const fail = (error: unknown, message: string): void => {
    log.error({ err: error }, ending.signal.aborted ? `while stopping: ${message}` : message);
    if (ending.signal.aborted) return;
    failure = asError(error);
    ending.abort(failure);
  };
  const onSignal = (signal: StopSignal): void => {
    if (firstSignalAt === 0) {
      firstSignalAt = Date.now();
      options.onSignal?.(signal);
      ending.abort(new Error(`stopped by ${signal}`));
    } else if (Date.now() - firstSignalAt > SAME_SIGNAL_MS) {
      for (const part of parts) part.kill?.();
      process.exit(EXIT_CODES[signal]);
    }
  };
  const onUncaught = (error: unknown): void => fail(error, 'an error was not caught; stopping everything');
  const signals = Object.keys(EXIT_CODES) as StopSignal[];
  for (const signal of signals) process.on(signal, onSignal);
  process.on('uncaughtException', onUncaught).on('unhandledRejection', onUncaught);

  const run = body({
    onStop(part) {
      const later = parts.findIndex(({ name }) => name === part.stopAfter);
      parts.splice(later === -1 ? parts.length : later, 0, part);
    },
    failed: (name, error) => fail(error, `${name} failed; stopping everything`),
    stopping: ending.signal,
    untilStopping: () => untilAborted(ending.signal),
  });
  try {
    // The body may be starting a part: it is let notice first, so that the part is known when the parts are stopped.
    const code = await Promise.race([run, untilAborted(ending.signal).then(() => settled(run))]);
    if (failure) throw failure;
    return code;
  } catch (error) {
    if (failure || firstSignalAt === 0) throw failure ?? error;
    return 0;
  } finally {
    ending.abort();
    await stopParts(parts, options);
    for (const signal of signals) process.off(signal, onSignal);
    process.off('uncaughtException', onUncaught).off('unhandledRejection', onUncaught);
  }
}

async function settled(run: Promise<unknown>): Promise<number> {
  await withTimeout(Promise.allSettled([run]), START_NOTICE_MS);
  return 0;
}

async function stopParts(parts: Part[], { log, stopSeconds }: ServiceOptions): Promise<void> {
  for (let part = parts.at(-1); part; part = parts.at(-1)) {
    const { name } = part;
    const outcome = await withTimeout(part.stop(), stopSeconds * 1_000).catch((error: unknown) =>
      log.error({ err: error }, `${name} did not stop properly`),
    );
    if (outcome === 'late') {
      log.error(`${name} has not stopped after ${stopSeconds} s`);
      part.kill?.();
    }
    // It stays in the list until here, so that a second signal can still kill it.
    parts.splice(parts.indexOf(part), 1);
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
