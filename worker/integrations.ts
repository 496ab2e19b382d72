import type { RunningCarrier } from '../domain/fulfilment/types';
import type { ClosableGateway } from '../domain/payments/types';

/** The third parties that orders need. The one that opens them closes them. */
export interface Integrations {
  gateway: ClosableGateway;
  /** At least one: the first takes new shipments (the setting `CARRIER`). */
  carriers: readonly RunningCarrier[];
}
