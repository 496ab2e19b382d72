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
