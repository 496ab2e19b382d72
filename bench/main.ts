import { stackOf } from '../platform/errors';
import { benchApi } from './api';
import { benchAvailability } from './availability';
import { benchBatch } from './batch';
import { benchCost } from './cost';
import { benchExpiry } from './expiry';
import { benchFeed } from './feed';
import { benchForecast } from './forecast';
import { benchOrders } from './orders';
import { benchRecall } from './recall';
import { benchReconciliation } from './reconciliation';
import { benchReports } from './reports';
import { benchReserve } from './reserve';
import { benchSettlement } from './settlement';
import { benchSockets } from './sockets';
import { benchSourcing } from './sourcing';
import { benchTrace } from './trace';
import { benchVerify } from './verify';

const BENCHES: Readonly<Record<string, () => Promise<void>>> = {
  reserve: benchReserve,
  batch: benchBatch,
  orders: benchOrders,
  cost: benchCost,
  expiry: benchExpiry,
  recall: benchRecall,
  availability: benchAvailability,
  api: benchApi,
  sourcing: benchSourcing,
  verify: benchVerify,
  feed: benchFeed,
  settlement: benchSettlement,
  reports: benchReports,
  sockets: benchSockets,
  trace: benchTrace,
  reconciliation: benchReconciliation,
  forecast: benchForecast,
};

/** `npm run bench [NAME ...]`: one JSON line per result on standard output. */
async function main(names: readonly string[]): Promise<void> {
  const unknown = names.filter((name) => !(name in BENCHES));
  if (unknown.length > 0)
    throw new Error(`no benchmark ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(', ')}`);
  for (const [name, bench] of Object.entries(BENCHES)) {
    if (names.length === 0 || names.includes(name)) await bench();
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${stackOf(error)}\n`);
  process.exitCode = 1;
});
