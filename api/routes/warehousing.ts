import type { Route } from '../http/route';
import type { ApiContext } from '../services/context';
import { countRoutes } from './counts';
import { qualityHoldRoutes } from './quality-holds';
import { receiptRoutes } from './receipts';
import { returnRoutes } from './returns';
import { shipmentRoutes } from './shipments';
import { trackingRoutes } from './tracking';
import { costOfGoodsRoutes } from './cost-of-goods';
import { valuationRoutes } from './valuation';

/** Deliveries, counts, quality holds, returns, lots, serial numbers and what stock is worth. */
export function warehousingRoutes(context: ApiContext): Route[] {
  return [
    ...receiptRoutes(context),
    ...countRoutes(context),
    ...qualityHoldRoutes(context),
    ...returnRoutes(context),
    ...trackingRoutes(context),
    ...shipmentRoutes(context),
    ...valuationRoutes(context),
    ...costOfGoodsRoutes(context),
  ];
}
