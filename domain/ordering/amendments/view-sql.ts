import { utc } from '../../../platform/database/pages';
import { decidable } from './decidable-sql';

/** SQL of an open amendment `a` with what it waits for (`AmendmentRow`): the payment is the latest of what it adds. */
export const AMENDMENT_JSON = `json_build_object('requestId', a.id, 'stage', a.stage, 'since', ${utc('a.created_at')},
  'items', a.items, 'shipTo', a.ship_to, 'isDecidable', ${decidable('a')},
  'payment', (select json_build_object('id', ap.id, 'status', ap.status, 'lastError', ap.last_error) from payments ap
    where ap.order_id = a.order_id and ap.reservation_id = a.reservation_id order by ap.attempt desc limit 1))`;
