import type { Settings } from '../platform/config';
import type { Output } from './output';
import { runUpload, type UploadOptions } from './upload';

export interface ProductImportOptions extends UploadOptions {
  mode: 'upsert' | 'create' | 'update';
  /** What stands before decimals. */
  decimal?: '.' | ',';
  /** Of prices whose rows name none. */
  currency?: string;
  /** What an empty field of CSV means. */
  empty?: 'leave' | 'clear';
}

/** Adds and changes products in bulk, as `runUpload` says. */
export function runProductImport(
  settings: Settings,
  { mode, decimal, currency, empty, ...options }: ProductImportOptions,
  output: Output,
): Promise<number> {
  const query = { mode, decimal, currency, empty };
  const told = ['added', 'changed', 'unchanged'];
  const kind = { path: '/jobs/products', query, told, name: 'products' };
  return runUpload(settings, options, kind, output);
}
