export const WAREHOUSE_TYPES = ['warehouse', 'store', 'dropship'] as const;

/** A product as `GET /products/{sku}` shows it. Money in minor units, times RFC 3339. */
export interface ProductView {
  sku: string;
  name: string;
  description: string;
  /** Code of its category. */
  category: string | null;
  priceMinor: number;
  currency: string;
  /** Code of who sells it. */
  merchant: string;
  active: boolean;
  createdAt: string;
  updatedAt: string;
}

/** A row with the number of its latest change, which clients see as the ETag. */
export type Versioned<T> = T & { version: number };

/** Numbers of changes that a caller has seen; null: whatever it is now. */
export type Seen = readonly number[] | null;

/** What may be changed of a product. */
export interface ProductFields {
  name: string;
  description: string;
  /** Code of its category; null: none. */
  category: string | null;
  /** Minor units. Placed orders keep the price that they were placed at. */
  priceMinor: number;
  /** ISO 4217. */
  currency: string;
}

/** What somebody changes of a product, or gives of a new one. */
export interface EditedProduct extends ProductFields {
  /** Code of who sells it; null or absent: it stays as it is, of a new one `HOUSE`. */
  merchant?: string | null;
}

/** Code of the merchant that we are. */
export const HOUSE = 'house';

/** What may be changed of a merchant. */
export interface MerchantFields {
  name: string;
  /** IANA name of the time zone in which its days begin and end. */
  zone: string;
}

/** A merchant as clients see it: its id is its code. Times RFC 3339. */
export interface MerchantView extends MerchantFields {
  id: string;
  createdAt: string;
  updatedAt: string;
}

/** What may be changed of a warehouse. */
export interface WarehouseFields {
  name: string;
  type: (typeof WAREHOUSE_TYPES)[number];
  address: string;
  /** Degrees, WGS 84. */
  latitude: number;
  longitude: number;
  region: string;
  priority: number;
}

/** A category as clients see it. */
export interface CategoryView {
  code: string;
  name: string;
  /** No product is put into it any more. */
  archived: boolean;
}

/** A category to be added. */
export interface NewCategory {
  code: string;
  name: string;
}

/** A warehouse to be added. */
export interface NewWarehouse {
  code: string;
  name: string;
  address: string;
  /** Degrees, WGS 84. */
  latitude: number;
  longitude: number;
  region: string;
  /** Lower is preferred between equally near warehouses. */
  priority: number;
}

/** A product to be added. */
export interface NewProduct {
  sku: string;
  name: string;
  description: string;
  /** Code of its category. */
  category: string;
  /** Minor units. */
  priceMinor: number;
}

/** A product with all that it keeps. */
export interface StoredProduct extends ProductFields {
  id: number;
  sku: string;
  active: boolean;
  /** Kept by lot, and by serial number. */
  lots: boolean;
  serials: boolean;
}

/** A product that is added with others. */
export interface NewStoredProduct extends Omit<StoredProduct, 'id' | 'category'> {
  categoryId: number | null;
}

/** What a product becomes that is changed with others. */
export interface ChangedProduct extends Omit<ProductFields, 'category'> {
  id: number;
  categoryId: number | null;
  active: boolean;
}

/** What a SKU means. */
export interface FoundSku {
  given: string;
  id: number | null;
  /** Products that have it but for capitals, where none has it exactly. */
  alike: number;
  /** What the product keeps beside counts; null where there is none. */
  lots: boolean | null;
  serials: boolean | null;
  /** Null also where it is in none. */
  categoryId: number | null;
}

/** A product that goes to another category, or to none. */
export interface CategoryMove {
  productId: number;
  categoryId: number | null;
}

export interface FoundCategory {
  id: number;
  code: string;
  archived: boolean;
}

export interface ProductFilter {
  /** Code of a category. */
  category?: string;
  /** Part of a SKU or name, in any case. */
  q?: string;
  /** Minor units, both included. */
  minPriceMinor?: number;
  maxPriceMinor?: number;
  /** ISO 4217. */
  currency?: string;
  /** Only products of which something can be ordered now, or only the others. */
  available?: boolean;
  /** Those that are no longer sold instead. */
  archived?: boolean;
  /** Only products whose SKU sorts after this one. */
  after?: string;
  limit: number;
  offset: number;
}

export interface Warehouse {
  id: number;
  code: string;
  name: string;
  type: string;
  address: string;
  latitude: number;
  longitude: number;
  region: string;
  /** Lower is preferred between equally near warehouses. */
  priority: number;
  /** Orders are placed from it. */
  active: boolean;
  /** The queues of backorders are served from it, before orders are. */
  opening: boolean;
}

/** `opening`: who waits for stock is served first; no order is placed from it yet. */
export const WAREHOUSE_STATUSES = ['open', 'closed', 'opening'] as const;
export type WarehouseStatus = (typeof WAREHOUSE_STATUSES)[number];

export const WAREHOUSE_EVENTS = ['closed', 'opened'] as const;

/** Whether a warehouse is open, and who last closed or opened it. */
export interface WarehouseState {
  code: string;
  status: WarehouseStatus;
  /** Null: nobody has closed or opened it yet. RFC 3339. */
  since: string | null;
  actor: string | null;
  reason: string | null;
}

/** Why somebody closes or opens a warehouse. */
export interface StateChange {
  actor: string;
  reason: string | null;
}
