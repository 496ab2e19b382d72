import { stat } from 'node:fs/promises';
import { probeStore, type ProbeFailure } from '../domain/files/probe';
import { openFileStore } from '../integrations/file-store/open';
import type { Settings } from '../platform/config';
import type { Finding } from './doctor-checks';

const NAME = 'Files';

/** Whether files can be written to, read from and removed from where FILE_STORE says. The file that is written is removed. */
export async function checkFiles(settings: Settings): Promise<Finding[]> {
  const store = openFileStore(settings);
  if (!store) return [{ name: NAME, ok: true, detail: 'kept in the database, since FILE_STORE is not set' }];
  try {
    if (settings.FILE_STORE === undefined && !(await exists(settings.HOLDFAST_HOME)))
      return [{ name: NAME, ok: true, detail: `${store.url}, which the first file makes` }];
    const failure = await probeStore(store);
    if (failure) return [failed(store.url, failure)];
    return [{ name: NAME, ok: true, detail: `${store.url} can be written, read and removed from` }];
  } finally {
    await store.close();
  }
}

const RIGHTS: Readonly<Record<NonNullable<ProbeFailure>['step'], { disk: string; s3: string }>> = {
  write: { disk: 'make its folder writable for the user of API and worker', s3: 's3:PutObject' },
  read: { disk: 'make its files readable for the user of API and worker', s3: 's3:GetObject' },
  remove: { disk: 'let the user of the worker remove files of its folder', s3: 's3:DeleteObject' },
};

function failed(url: string, { step, reason }: NonNullable<ProbeFailure>): Finding {
  const { disk, s3 } = RIGHTS[step];
  const advice = url.startsWith('s3:')
    ? `is the bucket there, S3_ENDPOINT and S3_REGION right, and may its key do ${s3} (docs/money.md#where-files-are)?`
    : `${disk}, and see whether its disk is there and has space; FILE_STORE names it`;
  return { name: NAME, ok: false, detail: `a file could not be ${PAST[step]}: ${reason}`, advice };
}

const PAST = { write: 'written', read: 'read', remove: 'removed' } as const;

async function exists(folder: string): Promise<boolean> {
  return stat(folder).then(
    () => true,
    () => false,
  );
}
