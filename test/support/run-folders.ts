import { readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  endProcess,
  findProcesses,
  isSameProcess,
  type ProcessIdentity,
} from '../../platform/embedded/processes';
import type { TestRun } from './run';

export const FOLDER_PREFIX = 'holdfast-test-';
export const OWNER_FILE = 'owner.json';
export const TEMPORAL_FILE = 'temporal-server.json';

/**
 * Stops the run's servers and removes its folder.
 *
 * @throws Error when test files have left servers of their own running
 */
export async function endRun(run: TestRun): Promise<void> {
  await Promise.all([run.postgres?.stop(), run.temporal?.stop()]);
  const left = await endServersOf(run.folder);
  await rm(run.folder, { recursive: true, force: true });
  if (left.length > 0) throw new Error(`Tests have left servers running:\n  ${left.join('\n  ')}`);
}

/** Each server has its folder in its command line; the command lines of those that had to be ended. */
async function endServersOf(folder: string): Promise<string[]> {
  const left = await findProcesses(folder);
  await Promise.all(left.map(({ pid }) => endProcess(pid, 5_000)));
  return left.map(({ command }) => command);
}

/** Ctrl-C while tests run: Jest would leave without global teardown. */
export function endRunAndExit(): void {
  const run = globalThis.holdfastTestRun;
  const ended = run ? endRun(run) : Promise.resolve();
  void ended.finally(() => process.exit(130));
}

/** Ends the servers and removes the folders of earlier runs that were killed. */
export async function sweepAbandonedRuns(): Promise<void> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(FOLDER_PREFIX));
  for (const folder of names.map((name) => join(tmpdir(), name))) {
    const owner = await readIdentity(join(folder, OWNER_FILE));
    if (owner && (await isSameProcess(owner))) continue;
    // The run's Temporal server keeps its state in memory, so no folder is in its command line.
    const temporal = await readIdentity(join(folder, TEMPORAL_FILE));
    if (temporal && (await isSameProcess(temporal))) await endProcess(temporal.pid, 5_000);
    await endServersOf(folder);
    await rm(folder, { recursive: true, force: true });
  }
}

async function readIdentity(file: string): Promise<ProcessIdentity | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}
