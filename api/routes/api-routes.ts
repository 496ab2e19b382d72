import { acceptedTokens } from '../../integrations/gateways';
import { gatewayWebhooks } from '../../integrations/gateway-webhooks';
import type { Route } from '../http/route';
import type { ApiContext } from '../services/context';
import { createUploadIntake } from '../use-cases/upload-intake';
import { adminOrderRoutes } from './admin-orders';
import { administrationRoutes } from './administration';
import { alertRoutes } from './alerts';
import { apiKeyRoutes } from './api-keys';
import { auditRoutes } from './audit';
import { batchRoutes } from './batch';
import { captureRoutes } from './captures';
import { carrierRoutes } from './carriers';
import { catalogueRoutes } from './catalogue';
import { codecRoutes } from './codec';
import { consistencyRoutes } from './consistency';
import { contactRoutes } from './contacts';
import { erasureRoutes } from './erasure';
import { eventRoutes } from './events';
import { feedRoutes } from './feeds';
import { gatewayRoutes } from './gateways';
import { inventoryRoutes } from './inventory';
import { jobRoutes } from './jobs';
import { ledgerRoutes } from './ledger';
import { liveRoutes } from './live';
import { merchantRoutes } from './merchants';
import { metricsRoutes } from './metrics';
import { notificationRoutes } from './notifications';
import { operationRoutes } from './operations';
import { orderEvents } from './order-events';
import { orderActions, orderReads } from './orders';
import { paymentRoutes } from './payments';
import { payoutRoutes } from './payouts';
import { productImportRoutes } from './product-imports';
import { productInventoryRoutes } from './product-inventory';
import { reconciliationRoutes } from './reconciliation';
import { refundRoutes } from './refunds';
import { analyticsRoutes } from './analytics';
import { forecastRoutes } from './forecasts';
import { reportRoutes } from './reports';
import { reservationRoutes } from './reservations';
import { reviewRoutes } from './reviews';
import { safetyStockRoutes } from './safety-stock';
import { sandboxChallengeRoutes } from './sandbox-challenges';
import { sandboxBalanceTransactionRoutes } from './sandbox-balance-transactions';
import { settlementRoutes } from './settlement';
import { signInRoutes } from './sign-in';
import { transferRoutes } from './transfers';
import { userRoutes } from './users';
import { warehouseStateRoutes } from './warehouse-state';
import { warehousingRoutes } from './warehousing';
import { webhookRoutes } from './webhooks';

/** Every route of the API. */
export function apiRoutes(context: ApiContext): Route[] {
  const routes = mainRoutes(context);
  return [...routes, ...productInventoryRoutes(routes)];
}

function mainRoutes(context: ApiContext): Route[] {
  const uploads = createUploadIntake(context);
  return [
    ...orderActions(context, acceptedTokens(context.settings)),
    ...orderReads(context),
    ...orderEvents(context),
    ...adminOrderRoutes(context, acceptedTokens(context.settings)),
    ...administrationRoutes(context),
    ...catalogueRoutes(context),
    ...merchantRoutes(context),
    ...warehouseStateRoutes(context),
    ...paymentRoutes(context),
    ...refundRoutes(context),
    ...reviewRoutes(context),
    ...captureRoutes(context),
    // Before what takes a SKU in the same place.
    ...alertRoutes(context),
    ...safetyStockRoutes(context),
    ...metricsRoutes(context),
    ...warehousingRoutes(context),
    ...batchRoutes(context),
    ...ledgerRoutes(context),
    ...transferRoutes(context),
    ...inventoryRoutes(context),
    ...reservationRoutes(context),
    ...carrierRoutes(context),
    ...gatewayRoutes(context, gatewayWebhooks(context.settings, context.log)),
    ...sandboxChallengeRoutes(context),
    ...sandboxBalanceTransactionRoutes(context),
    ...feedRoutes(context, uploads),
    ...productImportRoutes(context, uploads),
    ...consistencyRoutes(context),
    ...reportRoutes(context),
    ...forecastRoutes(context),
    ...analyticsRoutes(context),
    ...settlementRoutes(context),
    ...payoutRoutes(context),
    ...reconciliationRoutes(context, uploads),
    ...jobRoutes(context),
    ...liveRoutes(context),
    ...apiKeyRoutes(context),
    ...auditRoutes(context),
    ...eventRoutes(context),
    ...webhookRoutes(context),
    ...notificationRoutes(context),
    ...contactRoutes(context),
    ...signInRoutes(context),
    ...userRoutes(context),
    ...erasureRoutes(context),
    ...codecRoutes(context),
    ...operationRoutes(context),
  ];
}
