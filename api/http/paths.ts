export const API_BASE = '/api/v1';
/** Under it Temporal's web UI and command line have payloads decrypted, and what they send encrypted. */
export const CODEC_BASE = '/codec';

/** Address of an order. */
export function orderPath(orderId: string): string {
  return `${API_BASE}/orders/${orderId}`;
}
