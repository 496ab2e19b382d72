import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface Child {
  pid: number;
  /** The first line it wrote to standard output, as JSON. Rejects with what it said when it ends without one. */
  answer: Promise<unknown>;
  /** All it wrote to standard error so far. */
  said(): string;
  /** Ends it as a power cut would, and waits until it is gone. */
  kill(): Promise<void>;
  /** Its exit code. */
  ended: Promise<number | null>;
}

/** Runs a TypeScript file of the tests as a process of its own, to be killed. */
export function startChild(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Child {
  const child = spawn(process.execPath, ['--require', join(__dirname, 'ts-hook.cjs'), file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = once(child, 'close').then(() => child.exitCode);
  const answer = new Promise<unknown>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line)));
    void ended.then((code) => reject(new Error(`${file} ended with ${String(code)}:\n${said}`)));
  });
  // Whoever never asks for the answer is not told of its failure.
  answer.catch(() => undefined);
  if (child.pid === undefined) throw new Error(`${file} can't be started`);
  return {
    pid: child.pid,
    answer,
    said: () => said,
    ended,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
