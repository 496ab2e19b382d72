import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FileStore } from '../../domain/files/types';
import type { Settings } from '../../platform/config';
import { createDiskStore } from './disk';
import { createS3Store } from './s3';

type FileSettings = Pick<
  Settings,
  | 'DATABASE_URL'
  | 'FILE_STORE'
  | 'HOLDFAST_HOME'
  | 'S3_ACCESS_KEY_ID'
  | 'S3_ENDPOINT'
  | 'S3_REGION'
  | 'S3_SECRET_ACCESS_KEY'
>;

/** Where files are kept by the settings, beside its own database in the home; null: nowhere, they are made from rows as they are read. */
export function openFileStore(settings: FileSettings): FileStore | null {
  const { FILE_STORE, DATABASE_URL, HOLDFAST_HOME } = settings;
  if (FILE_STORE === undefined)
    return DATABASE_URL === undefined ? createDiskStore(resolve(join(HOLDFAST_HOME, 'files'))) : null;
  const url = new URL(FILE_STORE);
  if (url.protocol === 'file:') return createDiskStore(fileURLToPath(url));
  const { S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey } = settings;
  return createS3Store({
    bucket: url.host,
    prefix: url.pathname.replace(/^\/|\/$/g, ''),
    region: settings.S3_REGION,
    endpoint: settings.S3_ENDPOINT,
    credentials:
      accessKeyId !== undefined && secretAccessKey !== undefined
        ? { accessKeyId, secretAccessKey }
        : undefined,
  });
}
