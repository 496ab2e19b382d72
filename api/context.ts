import type { OrderRecord } from '../domain/orders/views';
import type { Settings } from '../platform/config';
import type { Database } from '../platform/database';
import type { Logger } from '../platform/log';
import type { Admission } from './admission';
import type { Engine } from './engine';
import type { ApiMetrics } from './metrics';
import type { OrderFeed } from './order-feed';
import type { Verdicts } from './verdicts';

/** What the routes work with. Made once, in `server.ts`. */
export interface ApiContext {
  settings: Settings;
  db: Database;
  engine: Engine;
  feed: OrderFeed;
  verdicts: Verdicts<OrderRecord>;
  admission: Admission;
  metrics: ApiMetrics;
  log: Logger;
  /** Aborted when the API stops: streams end, and it is no longer ready. */
  stopping: AbortSignal;
}
