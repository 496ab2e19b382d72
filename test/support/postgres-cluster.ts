import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { openCluster } from '../../platform/embedded/postgres-cluster';
import { preparePostgresBinaries } from '../../platform/embedded/postgres-binaries';
import { provideFolder, unprivilegedUser } from '../../platform/embedded/system-user';
import type { Logger } from '../../platform/telemetry/log';

/** Makes an empty database cluster, as the product does at its first start, without starting a server on it. */
export async function createCluster(folder: string, log: Logger): Promise<void> {
  const user = await unprivilegedUser(folder);
  const binaries = await preparePostgresBinaries(user, log);
  await openCluster(await provideFolder(folder, user, log), binaries, user, log);
}

/**
 * Copies a cluster on which no server runs to a new folder, with owners and modes: some 50 ms, where initdb takes a second
 * of both cores.
 */
export async function copyCluster(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  await promisify(execFile)('cp', ['-Rp', `${from}/.`, to]);
}
