import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { version } from '../../package.json';

/** One folder an edition; an edition is a version of package.json. */
export const HISTORIES = join(__dirname, 'histories');

/** The one whose histories the present tests record. */
export const PRESENT_EDITION = version;

/** In a frozen edition: the SHA-256 of each of its histories, as `sha256sum` writes it. */
const SUMS = 'SHA256SUMS';

export function editions(): string[] {
  return readdirSync(HISTORIES).sort();
}

export function historyFile(edition: string, path: string): string {
  return join(HISTORIES, edition, `${path}.json`);
}

/** Names of the histories in an edition's folder. */
export function pathsOf(edition: string): string[] {
  return readdirSync(join(HISTORIES, edition))
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.replace(/\.json$/, ''))
    .sort();
}

export async function isFrozen(folder: string): Promise<boolean> {
  return (await readdir(folder).catch((): string[] => [])).includes(SUMS);
}

/**
 * Writes down what the histories of a folder are, from when on none may be changed, removed or added.
 *
 * @throws Error when it is frozen already
 */
export async function freeze(folder: string): Promise<void> {
  const lines = [...(await sumsOf(folder))].map(([file, sum]) => `${sum}  ${file}\n`);
  await writeFile(join(folder, SUMS), lines.join(''), { flag: 'wx' });
}

/** What differs from what was frozen, a line for each file; nothing for a folder that is not frozen. */
export async function changesSinceFrozen(folder: string): Promise<string[]> {
  if (!(await isFrozen(folder))) return [];
  const now = await sumsOf(folder);
  const frozen = new Map<string, string>();
  for (const line of (await readFile(join(folder, SUMS), 'utf8')).trim().split('\n')) {
    const [sum = '', file = ''] = line.split('  ');
    frozen.set(file, sum);
  }
  const files = [...new Set([...frozen.keys(), ...now.keys()])].sort();
  return files.flatMap((file) => {
    const [before, after] = [frozen.get(file), now.get(file)];
    if (before === after) return [];
    return [`${file} was ${before === undefined ? 'added' : after === undefined ? 'removed' : 'changed'}`];
  });
}

async function sumsOf(folder: string): Promise<Map<string, string>> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json')).sort();
  const sums = new Map<string, string>();
  for (const file of files) {
    // Git may check text out with other line ends.
    const text = (await readFile(join(folder, file), 'utf8')).replaceAll('\r\n', '\n');
    sums.set(file, createHash('sha256').update(text).digest('hex'));
  }
  return sums;
}
