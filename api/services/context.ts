import type { FileStore } from '../../domain/files/types';
import type { OrderRecord } from '../../domain/ordering/views';
import type { OrderEffects } from '../../domain/orders/effects';
import type { KeyReader } from '../../domain/identity/key-reader';
import type { StockLedger } from '../../domain/stock/ledger/stock-ledger';
import type { WebhookSecrets } from '../../domain/webhooks/secrets';
import type { Settings } from '../../platform/config';
import type { Database } from '../../platform/database/database';
import type { ProcessHealth } from '../../platform/health/process-health';
import type { Logger } from '../../platform/telemetry/log';
import type { Tracer } from '../../platform/telemetry/tracer';
import type { AccessControl } from '../http/access';
import type { AccessLog } from '../http/access-log';
import type { ChangeFeed } from '../streams/change-feed';
import type { OrderEventReader } from '../streams/order-source';
import type { StreamSlots } from '../streams/stream-slots';
import type { Topics } from '../streams/topics';
import type { Sockets } from '../sockets/sockets';
import type { Engine } from '../temporal/engine';
import type { Accounts } from './accounts';
import type { Admission } from './admission';
import type { ApiMetrics } from './metrics';
import type { OrderOutcomes } from './order-outcomes';
import type { ReservationService } from './reservation-service';

/** What use cases and routes work with. Made once, in `server.ts`. */
export interface ApiContext {
  settings: Settings;
  db: Database;
  /** The same database by a small pool of its own: lists and reports wait for each other, and not orders for them. */
  reports: Database;
  /** Where files of jobs are kept; null: nowhere, they are made from the database. */
  files: FileStore | null;
  keys: KeyReader;
  accounts: Accounts;
  access: AccessControl;
  stock: StockLedger<OrderEffects>;
  webhookSecrets: WebhookSecrets;
  engine: Engine;
  orderChanges: ChangeFeed;
  jobChanges: ChangeFeed;
  /** Of the stream of events. */
  numberedEvents: ChangeFeed;
  orderEvents: OrderEventReader;
  topics: Topics;
  sockets: Sockets;
  /** Of streams and WebSockets. */
  streamSlots: StreamSlots;
  orderOutcomes: OrderOutcomes<OrderRecord>;
  admission: Admission;
  /** Of lists that anybody may ask for: they hold a part of the connections for reports, and no more. */
  searches: Admission;
  reservations: ReservationService;
  metrics: ApiMetrics;
  tracer: Tracer;
  accessLog: AccessLog;
  health: ProcessHealth;
  log: Logger;
  /** Aborted when the API stops accepting: streams end. */
  stopping: AbortSignal;
}
