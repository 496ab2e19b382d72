import { readFile, rename, stat } from 'node:fs/promises';

const ROTATE_BYTES = 10 * 1024 * 1024;
const TAIL_LINES = 20;

/** Size of a log file in bytes, 0 when there is none. */
export function logSize(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Keeps one old log beside the new one, so that years of starts do not fill the disk. */
export async function rotateLog(file: string): Promise<void> {
  if ((await logSize(file)) > ROTATE_BYTES) await rename(file, `${file}.1`);
}

/** What was logged after the first `from` bytes. */
export async function logSince(file: string, from: number): Promise<string> {
  return (await readFile(file)).subarray(from).toString('utf8').trim();
}

/** The last lines of a log. */
export function tailOf(text: string): string {
  return text.split('\n').slice(-TAIL_LINES).join('\n');
}
