/** What somebody asks for: a file about these days of merchants, both included, `YYYY-MM-DD`. */
export interface SettlementRequest {
  from: string;
  to: string;
  /** Code of the only merchant; null: all. */
  merchant: string | null;
  /** ISO 4217; null: the only one that there is. */
  currency: string | null;
  /** A new file about what came since, also where there is one of the same days. */
  supplement: boolean;
}

/** A line of a settlement file: what a merchant's money came to on a day, minor units. */
export interface SettlementLine {
  merchant: string;
  /** `YYYY-MM-DD` */
  day: string;
  gross: bigint | number;
  fee: bigint | number;
  count: bigint | number;
}
