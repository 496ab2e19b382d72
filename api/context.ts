import type { OrderRecord } from '../domain/ordering/views';
import type { OrderEffects } from '../domain/orders/effects';
import type { StockLedger } from '../domain/stock/ledger/stock-ledger';
import type { Settings } from '../platform/config';
import type { Database } from '../platform/database/database';
import type { Logger } from '../platform/telemetry/log';
import type { Admission } from './use-cases/admission';
import type { Engine } from './temporal/engine';
import type { ReservationService } from './use-cases/reservation-service';
import type { ApiMetrics } from './metrics';
import type { ChangeFeed } from './streams/change-feed';
import type { OrderOutcomes } from './use-cases/order-outcomes';

/** What the routes work with. Made once, in `server.ts`. */
export interface ApiContext {
  settings: Settings;
  db: Database;
  stock: StockLedger<OrderEffects>;
  engine: Engine;
  /** Orders that change. */
  feed: ChangeFeed;
  jobChanges: ChangeFeed;
  verdicts: OrderOutcomes<OrderRecord>;
  admission: Admission;
  holds: ReservationService;
  metrics: ApiMetrics;
  log: Logger;
  /** Aborted when the API stops: streams end, and it is no longer ready. */
  stopping: AbortSignal;
}
