import type { Settings } from '../platform/config';
import type { Output } from './output';
import { runUpload, type UploadOptions } from './upload';

export interface FeedImportOptions extends UploadOptions {
  mode: 'set' | 'delta';
  location?: string;
  asOf?: string;
  /** What stands before decimals. */
  decimal?: '.' | ',';
}

/** Imports a feed of stock levels, as `runUpload` says. */
export function runFeedImport(
  settings: Settings,
  { mode, location, asOf, decimal, ...options }: FeedImportOptions,
  output: Output,
): Promise<number> {
  const query = { mode, location, decimal, asOf };
  const told = ['applied', 'unchanged'];
  return runUpload(settings, options, { path: '/jobs/feed', query, told, name: 'feed' }, output);
}
