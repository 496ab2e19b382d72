import { execFileSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';

/** Fields of /proc/PID/stat, counted from the state on, which follows the name of the program. */
const [PARENT, USER, SYSTEM, ENDED_USER, ENDED_SYSTEM] = [1, 11, 12, 13, 14];

interface ProcessStat {
  pid: number;
  parent: number;
  /** Clock ticks of its own, and of children that have ended and were waited for. */
  ticks: number;
}

/**
 * Milliseconds of CPU that a process and all below it have used since they started, also those that have ended. From /proc, in steps
 * of a clock tick (10 ms on most systems), so compare over seconds.
 */
export async function cpuMs(root: number): Promise<number> {
  const ticks = (await treeOf(root)).reduce((sum, stat) => sum + stat.ticks, 0);
  return (ticks * 1_000) / ticksPerSecond();
}

export interface TreeMemory {
  mb: number;
  /** `pss`: pages shared by n processes count an n-th in each. `rss`: where that can't be read; shared pages count in full. */
  kind: 'pss' | 'rss';
}

/** Memory of a process and all below it, in MB of 2^20 bytes. */
export async function memory(root: number): Promise<TreeMemory> {
  const pids = (await treeOf(root)).map(({ pid }) => pid);
  const shares = await Promise.all(pids.map((pid) => kilobytes(`/proc/${pid}/smaps_rollup`, 'Pss')));
  const kind = shares.every((share) => share !== null) ? 'pss' : 'rss';
  const sizes =
    kind === 'pss' ? shares : await Promise.all(pids.map((pid) => kilobytes(`/proc/${pid}/status`, 'VmRSS')));
  return { mb: Math.round(sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0) / 1024), kind };
}

/** The process and all that descend from it. */
async function treeOf(root: number): Promise<ProcessStat[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const stats = (await Promise.all(pids.map(readStat))).filter((stat) => stat !== undefined);
  const tree = stats.filter(({ pid }) => pid === root);
  if (tree.length === 0) throw new Error(`process ${root} does not run, or this system has no /proc`);
  // It grows while it is gone through: below each process come its children.
  for (const { pid } of tree) tree.push(...stats.filter(({ parent }) => parent === pid));
  return tree;
}

async function readStat(pid: number): Promise<ProcessStat | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  // The name may have spaces and brackets in it.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const ticks = [USER, SYSTEM, ENDED_USER, ENDED_SYSTEM].reduce(
    (sum, field) => sum + (fields[field] ?? 0),
    0,
  );
  return { pid, parent: fields[PARENT] ?? 0, ticks };
}

async function kilobytes(path: string, name: string): Promise<number | null> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
  return found === undefined ? null : Number(found);
}

function ticksPerSecond(): number {
  return Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
}
