import { z } from 'zod';
import type { Settings } from '../platform/config';
import type { Output } from './output';
import { figure, runUpload, type UploadOptions } from './upload';

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
  const kind = { path: '/jobs/feed', query, told, name: 'feed', notesOn };
  return runUpload(settings, options, kind, output);
}

const lotsSchema = z.looseObject({
  rowsWithoutLot: figure,
  lots: z.object({ withoutLot: figure, otherLots: figure }).optional(),
});

function notesOn(result: unknown): string[] {
  const { rowsWithoutLot, lots } = lotsSchema.parse(result);
  const notes: string[] = [];
  if (rowsWithoutLot > 0)
    notes.push(`Rows without a lot, of products that are kept by lot: ${rowsWithoutLot}`);
  if (lots && lots.withoutLot + lots.otherLots > 0)
    notes.push(
      `Units beside the lots of the feed, left as they are: ${lots.otherLots} in other lots, ${lots.withoutLot} without a lot`,
    );
  return notes;
}
