import { createWarehouseDirectory } from '../../domain/catalog/warehouses';
import { createStockReader } from '../../domain/stock/availability/stock-reader';
import type { Settings } from '../../platform/config';
import type { Database } from '../../platform/database/database';
import type { Listener } from '../../platform/database/listener';
import type { Logger } from '../../platform/telemetry/log';
import type { AccessControl } from '../http/access';
import { createSockets } from '../sockets/sockets';
import { createAttentionReader } from '../streams/attention-source';
import { createChangeFeed, type ChangeFeed } from '../streams/change-feed';
import { createEventKeys } from '../streams/event-keys';
import { createOrderEventReader } from '../streams/order-source';
import { createStreamSlots } from '../streams/stream-slots';
import { createTopics } from '../streams/topics';
import type { ApiContext } from './context';
import type { ApiMetrics } from './metrics';

/** What streams and WebSockets are made of: all read what they tell, and wait for the notices of one LISTEN connection. */
export function createLive({
  db,
  reports,
  settings,
  access,
  listener,
  orderChanges,
  metrics,
  log,
  stopping,
}: {
  db: Database;
  reports: Database;
  settings: Settings;
  access: AccessControl;
  listener: Listener;
  orderChanges: ChangeFeed;
  metrics: ApiMetrics;
  log: Logger;
  stopping: AbortSignal;
}): Pick<ApiContext, 'jobChanges' | 'numberedEvents' | 'orderEvents' | 'topics' | 'sockets' | 'streamSlots'> {
  const jobChanges = createChangeFeed(listener, 'holdfast_jobs');
  const numberedEvents = createChangeFeed(listener, 'holdfast_events');
  const orderEvents = createOrderEventReader(db);
  const topics = createTopics({
    db,
    access,
    orderEvents,
    orderChanges,
    jobChanges,
    stockReader: createStockReader({ db, warehouses: createWarehouseDirectory(db) }),
    eventKeys: createEventKeys({ db, numberedEvents, log }),
    readAttention: createAttentionReader(reports),
  });
  return {
    jobChanges,
    numberedEvents,
    orderEvents,
    topics,
    sockets: createSockets({ access, topics, metrics: metrics.webSockets, log, stopping }),
    streamSlots: createStreamSlots({ perProcess: settings.STREAMS, metrics: metrics.streamSlots }),
  };
}
