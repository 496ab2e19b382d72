import { createStockLedger } from '../../stock/ledger/stock-ledger';
import { backorderDemand } from './demand';

/** The stock of a shop whose orders may wait for it: what becomes free goes to waiting backorders first. */
export const stock = createStockLedger(backorderDemand);
