import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { waitFor } from '../support/wait';

const MAIN = join(__dirname, '..', '..', 'dist', 'cli', 'main.js');

export interface Surroundings {
  /** Nothing of the tests' own environment is passed on but PATH, HOME and the cache. */
  env?: Record<string, string>;
  cwd?: string;
  /** Another build than the one in `dist`: its cli/main.js. */
  program?: string;
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** A `holdfast` process that runs. */
export interface Running {
  pid: number;
  /** Everything it has written to standard output so far. */
  stdout(): string;
  /** The same for standard error, where logs go. */
  stderr(): string;
  kill(signal: NodeJS.Signals): void;
  ended: Promise<Ended>;
  /** Waits for a text on standard output; fails with all there is when it ends before. */
  says(text: string, deadlineMs?: number): Promise<void>;
}

/** Starts the built program. */
export function startHoldfast(
  args: readonly string[],
  { env = {}, cwd, program = MAIN }: Surroundings = {},
): Running {
  const { PATH = '', HOME = '', XDG_CACHE_HOME } = process.env;
  const child = spawn(process.execPath, [program, ...args], {
    cwd,
    env: { PATH, HOME, ...(XDG_CACHE_HOME ? { XDG_CACHE_HOME } : {}), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const written = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (written.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (written.stderr += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, ...written }));
  });
  return {
    pid: pidOf(child),
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    kill: (signal) => void child.kill(signal),
    ended,
    async says(text, deadlineMs = 90_000) {
      await waitFor(
        () => written.stdout.includes(text) || child.exitCode !== null || child.signalCode !== null,
        deadlineMs,
      );
      if (!written.stdout.includes(text)) {
        throw new Error(`ended without saying "${text}":\n${written.stdout}\n${written.stderr}`);
      }
    },
  };
}

/** Runs the built program to its end. */
export function holdfast(args: readonly string[], around: Surroundings = {}): Promise<Ended> {
  return startHoldfast(args, around).ended;
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error(`${child.spawnfile} could not be started`);
  return child.pid;
}
