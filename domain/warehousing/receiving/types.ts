/** One line of a delivery. A SKU may come on several lines: other lots, other costs. */
export interface ReceiptLineInput {
  sku: string;
  quantity: number;
  /** Of one unit, minor units. */
  unitCostMinor?: number | undefined;
  /** ISO 4217; the product's own unless given. */
  currency?: string | undefined;
  lot?: { code: string; expiresOn?: string | undefined } | undefined;
  /** One for each unit. */
  serials?: readonly string[] | undefined;
}

export interface ReceiptInput {
  receiptId: string;
  /** Warehouse code. */
  location: string;
  supplier?: string | undefined;
  supplierReference: string;
  lines: readonly ReceiptLineInput[];
  actor: string;
}

export interface ReceiptView {
  id: string;
  location: string;
  supplier: string | null;
  supplierReference: string;
  lines: {
    sku: string;
    quantity: number;
    unitCostMinor: number | null;
    currency: string | null;
    lot: { code: string; expiresOn: string | null } | null;
    serials: string[];
  }[];
  actor: string;
  receivedAt: string;
}
