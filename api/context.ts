import type { OrderRecord } from '../domain/orders/views';
import type { Settings } from '../platform/config';
import type { Database } from '../platform/database';
import type { Logger } from '../platform/log';
import type { Admission } from './admission';
import type { Engine } from './engine';
import type { HoldDesk } from './hold-desk';
import type { ApiMetrics } from './metrics';
import type { ChangeFeed } from './change-feed';
import type { Verdicts } from './verdicts';

/** What the routes work with. Made once, in `server.ts`. */
export interface ApiContext {
  settings: Settings;
  db: Database;
  engine: Engine;
  /** Orders that change. */
  feed: ChangeFeed;
  jobChanges: ChangeFeed;
  verdicts: Verdicts<OrderRecord>;
  admission: Admission;
  holds: HoldDesk;
  metrics: ApiMetrics;
  log: Logger;
  /** Aborted when the API stops: streams end, and it is no longer ready. */
  stopping: AbortSignal;
}
