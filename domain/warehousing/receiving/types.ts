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
  /** It is another delivery than one whose reference differs in capitals and separators only. */
  acceptSimilarReference?: boolean | undefined;
  lines: readonly ReceiptLineInput[];
  actor: string;
}

/** What is to be changed of one line; what is absent stays. */
export interface LineCorrection {
  /** Its number in the receipt, from 1. */
  line: number;
  /** Units that came. */
  quantity?: number | undefined;
  /** Null: not known. */
  unitCostMinor?: number | null | undefined;
  lot?: { code: string; expiresOn?: string | undefined } | undefined;
  /** Of a product with serial numbers: those of the units that came in addition, or of those that did not come. */
  serials?: readonly string[] | undefined;
  /** Serial numbers that were read off wrongly, each with the right one of the same unit. */
  replaceSerials?: readonly SerialReplacement[] | undefined;
}

export interface SerialReplacement {
  serial: string;
  by: string;
}

export interface ReceiptChange {
  receiptId: string;
  /** Makes it happen once, however often it is sent. */
  changeId: string;
  reason: string;
  actor: string;
}

export const RECEIPT_CHANGES = ['reversal', 'correction'] as const;

/** What a line said. */
export interface LineState {
  quantity: number;
  unitCostMinor: number | null;
  lot: { code: string; expiresOn: string | null } | null;
  /** Absent in documents of the version before. */
  serials?: string[];
}

export interface ReceiptChangeView {
  id: string;
  kind: (typeof RECEIPT_CHANGES)[number];
  reason: string;
  actor: string;
  at: string;
  lines: { line: number; before: LineState; after: LineState }[];
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
  /** When all of it was taken back; null: it was not. */
  reversedAt: string | null;
  /** Documents that changed it, oldest first. */
  changes: ReceiptChangeView[];
}
