export const API_BASE = '/api/v1';
/** Where Temporal's web UI and command line have payloads decrypted. */
export const CODEC_PATH = '/codec/decode';

/** Address of an order. */
export function orderPath(orderId: string): string {
  return `${API_BASE}/orders/${orderId}`;
}
