import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from '../platform/embedded/processes';
import { newId } from '../platform/ids';

/** Keeps a secret in a file for its owner only: whole or not at all, and never over one that is there, which may be in use. */
export async function keepSecret(path: string, secret: string): Promise<void> {
  const made = `${path}.${newId()}.new`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(made, `${secret}\n`, { mode: 0o600, flag: 'wx' });
  try {
    await link(made, path);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  } finally {
    await rm(made, { force: true });
  }
}

/** The secret of a file; undefined: there is none. */
export async function keptSecret(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  return text?.trim();
}
