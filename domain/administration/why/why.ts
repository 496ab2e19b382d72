import type { Database } from '../../../platform/database/database';
import { explainJob } from './job';
import { explainOrder } from './order';
import { explainPayment } from './payment';
import { explainReservation } from './reservation';
import { explainSku } from './sku';
import type { Explanation, WhySubject } from './types';

const EXPLAIN: Readonly<Record<WhySubject, (db: Database, id: string) => Promise<Explanation | null>>> = {
  order: explainOrder,
  sku: explainSku,
  reservation: explainReservation,
  payment: explainPayment,
  job: explainJob,
};

/** Why something is as it is: from its rows, its events or its ledger. Null: there is none with this id. */
export function explain(db: Database, type: WhySubject, id: string): Promise<Explanation | null> {
  return EXPLAIN[type](db, id);
}
