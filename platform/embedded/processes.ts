import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A process told apart from a later one that was given the same number. */
export interface ProcessIdentity {
  pid: number;
  /** Opaque: equal only for the same process on the same boot of the machine. */
  startedAt: string;
}

export interface RunningProcess extends ProcessIdentity {
  command: string;
}

/** True while `pid` runs. A zombie has ended, whatever `kill(pid, 0)` says of it. */
export function isRunning(pid: number): boolean {
  if (process.platform === 'linux') {
    try {
      return !isDead(statFields(readFileSync(`/proc/${pid}/stat`, 'utf8'))[0]);
    } catch (error) {
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ESRCH') return false;
    }
  }
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/** What runs under `pid`, or undefined when nothing does. */
export async function describeProcess(pid: number): Promise<RunningProcess | undefined> {
  if (!isRunning(pid)) return undefined;
  try {
    if (process.platform === 'linux') return await describeOnLinux(pid);
    if (process.platform === 'win32') return await describeOnWindows(pid);
    return await describeWithPs(pid);
  } catch {
    // It ended between the two looks, or may not be looked at; then it is none of ours.
    return undefined;
  }
}

/** The identity of this process. */
export async function ownIdentity(): Promise<ProcessIdentity> {
  const own = await describeProcess(process.pid);
  return { pid: process.pid, startedAt: own?.startedAt ?? '' };
}

/** True while the very process of `identity` runs, not one that has inherited its number. */
export async function isSameProcess(identity: ProcessIdentity): Promise<boolean> {
  return (await describeProcess(identity.pid))?.startedAt === identity.startedAt;
}

/** All processes that may be looked at and whose command line holds `fragment`. */
export async function findProcesses(fragment: string): Promise<RunningProcess[]> {
  const listed = process.platform === 'linux' ? await commandsOnLinux() : await commandsElsewhere();
  const pids = listed.filter(({ command }) => command.includes(fragment)).map(({ pid }) => pid);
  const found = await Promise.all(pids.map(describeProcess));
  return found.filter((one) => one !== undefined);
}

/** Waits until `pid` has ended; false when it still runs after `timeoutMs`. */
export async function waitUntilGone(pid: number, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (isRunning(pid)) {
    if (Date.now() >= deadline) return false;
    await delay(20);
  }
  return true;
}

/** Asks a process to end with SIGTERM, and ends it with SIGKILL when it has not after `graceMs`. */
export async function endProcess(pid: number, graceMs: number): Promise<void> {
  send(pid, 'SIGTERM');
  if (await waitUntilGone(pid, graceMs)) return;
  send(pid, 'SIGKILL');
  await waitUntilGone(pid, 5_000);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}

/** Fields of /proc/<pid>/stat after the command, which may itself hold spaces and brackets: [0] state, [19] start time. */
function statFields(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function isDead(state: string | undefined): boolean {
  return state === 'Z' || state === 'X';
}

async function describeOnLinux(pid: number): Promise<RunningProcess> {
  const [stat, boot, command] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    readFile(`/proc/${pid}/cmdline`, 'utf8'),
  ]);
  const startedAt = `${boot.trim()}/${statFields(stat)[19] ?? ''}`;
  return { pid, startedAt, command: asText(command) };
}

async function commandsOnLinux(): Promise<{ pid: number; command: string }[]> {
  const pids = (await readdir('/proc')).map(Number).filter(Number.isInteger);
  return Promise.all(
    pids.map(async (pid) => ({
      pid,
      command: await readFile(`/proc/${pid}/cmdline`, 'utf8').then(asText, () => ''),
    })),
  );
}

async function commandsElsewhere(): Promise<{ pid: number; command: string }[]> {
  const { stdout } =
    process.platform === 'win32'
      ? await powershell('Get-CimInstance Win32_Process | % { "$($_.ProcessId) $($_.CommandLine)" }')
      : await run('ps', ['-axo', 'pid=,command=']);
  const lines = stdout.split('\n').map((line) => /^\s*(\d+)\s(.*)$/.exec(line));
  return lines
    .filter((line) => line !== null)
    .map((line) => ({ pid: Number(line[1]), command: line[2] ?? '' }));
}

function asText(cmdline: string): string {
  return cmdline.split('\0').join(' ').trim();
}

async function describeWithPs(pid: number): Promise<RunningProcess | undefined> {
  const { stdout } = await run('ps', ['-o', 'state=,lstart=,command=', '-p', String(pid)]);
  const [state, ...rest] = stdout.trim().split(/\s+/);
  if (!state || isDead(state[0])) return undefined;
  // lstart is five words: Sat Nov 21 09:22:00 2026
  return { pid, startedAt: rest.slice(0, 5).join(' '), command: rest.slice(5).join(' ') };
}

async function describeOnWindows(pid: number): Promise<RunningProcess | undefined> {
  const query = `$p = Get-CimInstance Win32_Process -Filter 'ProcessId=${pid}'`;
  const { stdout } = await powershell(`${query}; "$($p.CreationDate.Ticks) $($p.CommandLine)"`);
  const [startedAt, ...command] = stdout.trim().split(' ');
  return startedAt ? { pid, startedAt, command: command.join(' ') } : undefined;
}

function powershell(command: string): Promise<{ stdout: string }> {
  return run('powershell', ['-NoProfile', '-NonInteractive', '-Command', command]);
}

/** `code` of a system error (`ENOENT`, ...), else undefined. */
export function errorCode(error: unknown): string | undefined {
  // Not instanceof: an error of Node's own modules is of another realm inside a vm context, such as Jest's.
  const found = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof found === 'string' ? found : undefined;
}

/** What a failed program wrote to standard error, else the error's message. */
export function errorText(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  if ('stderr' in error && typeof error.stderr === 'string' && error.stderr !== '')
    return error.stderr.trim();
  return 'message' in error ? String(error.message) : JSON.stringify(error);
}
