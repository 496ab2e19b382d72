import type { CheckId } from '../../domain/assurance/types';

export interface Defect {
  /** Checks that see it: the same wrong counter may be wrong in more than one way. */
  found: CheckId[];
  /** What the one finding of the first check is about. */
  details: Record<string, unknown>;
  repaired: boolean;
  /** Plants it. */
  plant(harness: Harness): Promise<void>;
}

/** By their names. */
export type Defects = Readonly<Record<string, Defect>>;

export interface Harness {
  sku: string;
  /** Of an unpaid order of 2 units from AMS. */
  orderId: string;
  /** Of a paid order of 1 unit that was picked up. */
  shippedId: string;
  sql(...statements: string[]): Promise<void>;
}
