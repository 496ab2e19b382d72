export const API_BASE = '/api/v1';

/** Address of an order. */
export function orderPath(orderId: string): string {
  return `${API_BASE}/orders/${orderId}`;
}
