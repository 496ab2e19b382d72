import { readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readOwner, type OwnerNote } from '../../platform/embedded/owner';
import { endProcess, findProcesses, isSameProcess } from '../../platform/embedded/processes';
import type { TestRun } from './run';

export const FOLDER_PREFIX = 'holdfast-test-';
/** The run's folder, and that of a Temporal server that keeps its state in memory. */
const OURS = /^holdfast-(test|temporal)-/;
export const OWNER_FILE = 'owner.json';

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
  const left = (await findProcesses(folder)).filter(({ command }) => /postgres|start-dev/.test(command));
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
export async function removeAbandonedRuns(): Promise<void> {
  const names = (await readdir(tmpdir())).filter((name) => OURS.test(name));
  for (const folder of names.map((name) => join(tmpdir(), name))) {
    if (!(await isMine(folder))) continue;
    const notes = await readNotes(folder);
    const owners = await Promise.all(notes.map(isSameProcess));
    if (owners.some(Boolean) || (notes.length === 0 && (await isNew(folder)))) continue;
    // A server that keeps its state in memory has no folder in its command line, but it has a note.
    for (const { server } of notes)
      if (server && (await isSameProcess(server))) await endProcess(server.pid, 5_000);
    await endServersOf(folder);
    await rm(folder, { recursive: true, force: true });
  }
}

async function readNotes(folder: string): Promise<OwnerNote[]> {
  // Another run may be sweeping as well.
  const files = await readdir(folder).catch(() => []);
  const notes = await Promise.all(
    files.filter((name) => name.endsWith(OWNER_FILE)).map((name) => readOwner(join(folder, name))),
  );
  return notes.filter((note) => note !== undefined);
}

async function isMine(folder: string): Promise<boolean> {
  const found = await stat(folder).catch(() => undefined);
  return found !== undefined && found.uid === (process.getuid?.() ?? found.uid);
}

/** A run that has just begun has not written its note yet. */
async function isNew(folder: string): Promise<boolean> {
  const found = await stat(folder).catch(() => undefined);
  return found !== undefined && Date.now() - found.ctimeMs < 60_000;
}
