/** What somebody of the staff wrote about an order. */
export interface OrderNote {
  id: string;
  text: string;
  /** The caller who wrote it. */
  actor: string;
  /** RFC 3339. */
  at: string;
}

/** What only staff see of an order. */
export interface StaffView {
  /** The caller who placed it. */
  owner: string;
  tags: string[];
  /** How many notes there are. */
  noteCount: number;
}

/** Tags that an order may have. */
export const MAX_TAGS = 20;

/** A place where a product is low or out of stock. Units. */
export interface LowPlace {
  alertId: string;
  status: 'low_stock' | 'out_of_stock';
  /** RFC 3339. */
  since: string;
  /** Who looks after it; null: nobody has said so. */
  acknowledgedBy: string | null;
  sku: string;
  name: string;
  location: string;
  onHand: number;
  reserved: number;
  safetyStock: number;
  available: number;
  threshold: number;
  /** On their way there from other locations. */
  incoming: number;
  /** Available at other open locations. */
  elsewhere: number;
  /** Units of the product that customers wait for. */
  backordered: number;
}
