import type { ChargeRequest } from '../../domain/payments/gateway';

/** Of a charge that is captured at once, by a customer who is there and cannot be sent anywhere. */
export const CAPTURED_NOW = {
  captureLater: false,
  offSession: false,
  keepsMethod: false,
  customerRef: null,
  returnUrl: null,
} as const satisfies Partial<ChargeRequest>;
