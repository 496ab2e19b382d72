import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endProcess, findProcesses, isRunning } from '../../platform/embedded/processes';
import { scratchFolder, temporalCliPath } from '../support/servers';
import { waitFor } from '../support/wait';
import { startHoldfast, type Ended, type Running } from './holdfast';

/** What `holdfast up` says last when everything runs. */
export const READY = 'Ctrl-C stops everything';

export interface DevFile {
  baseUrl: string;
  databaseUrl: string;
  temporalAddress: string;
  temporalNamespace: string;
  temporalUi: string;
  pid: number;
  /** Of the embedded database only. */
  adminApiKey: string;
  operatorApiKey: string;
  serviceApiKey: string;
  publishableKey: string;
}

/** A HOLDFAST_HOME of one's own, and the programs that are started on it. */
export interface Home {
  path: string;
  up(args?: readonly string[], env?: Record<string, string>, program?: string): Running;
  devFile(): Promise<DevFile>;
  expectNothingLeft(ended: Running): Promise<void>;
  /** Ends whatever a failed test has left running. */
  close(): Promise<void>;
}

/** Without these it warns that nobody can sign in, and that mails wait. */
export const ACCOUNTS_SET_UP = {
  SIGNING_KEYS_SECRET: Buffer.alloc(32, 1).toString('base64'),
  MAIL_FOLDER: 'mail',
};

export async function createHome(): Promise<Home> {
  const folder = await scratchFolder('up');
  const path = join(folder, 'home');
  const started: Running[] = [];

  async function devFile(): Promise<DevFile> {
    return JSON.parse(await readFile(join(path, 'dev.json'), 'utf8')) as DevFile;
  }

  return {
    path,
    up(args = [], env = {}, program) {
      const surroundings = { HOLDFAST_HOME: path, TEMPORAL_CLI_PATH: temporalCliPath(), ...env };
      const running = startHoldfast(['up', ...args], {
        cwd: folder,
        env: surroundings,
        ...(program ? { program } : {}),
      });
      started.push(running);
      return running;
    },
    devFile,
    async expectNothingLeft({ pid }) {
      // Each server has the home in its command line; the program itself has not.
      await waitFor(async () => (await findProcesses(path)).length === 0);
      expect(isRunning(pid)).toBe(false);
      await expect(devFile()).rejects.toThrow('ENOENT');
    },
    async close() {
      for (const one of started) one.kill('SIGKILL');
      await Promise.all(started.map(({ ended }) => ended));
      for (const { pid } of await findProcesses(path)) await endProcess(pid, 1_000);
    },
  };
}

export function expectStopped({ code, stderr }: Ended): void {
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
}
