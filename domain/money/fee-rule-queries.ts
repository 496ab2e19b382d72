import { many, maybeOne, one, type Queryable, type Transaction } from '../../platform/database/database';
import type { FeeRuleTerms, NewFeeRule } from './types';

export interface FeeRuleRow extends FeeRuleTerms {
  id: number;
  effectiveFrom: Date;
  createdAt: Date;
}

const COLUMNS = `id, currency, rate_bp as "rateBasisPoints", fixed_minor as "fixedMinor", minimum_minor as "minimumMinor",
  maximum_minor as "maximumMinor", is_returned as "isReturned", effective_from as "effectiveFrom", created_at as "createdAt"`;

/** Rules of a merchant, those that were written last first; one more than asked for, to tell whether there are more. */
export function selectFeeRules(
  on: Queryable,
  page: { merchantId: number; before: number | null; limit: number; offset: number },
): Promise<FeeRuleRow[]> {
  return many<FeeRuleRow>(
    on,
    'money.fee_rules',
    `select ${COLUMNS} from fee_rules where merchant_id = $1 and ($2::int is null or id < $2) order by id desc limit $3 offset $4`,
    [page.merchantId, page.before, page.limit + 1, page.offset],
  );
}

/** Undefined: the merchant has another rule of this currency from the same time on. */
export function insertFeeRule(
  tx: Transaction,
  merchantId: number,
  rule: NewFeeRule,
): Promise<FeeRuleRow | undefined> {
  return maybeOne<FeeRuleRow>(
    tx,
    'money.insert_fee_rule',
    `insert into fee_rules (merchant_id, currency, rate_bp, fixed_minor, minimum_minor, maximum_minor, is_returned, effective_from)
     values ($1, $2, $3, $4, $5, $6, $7, coalesce($8::timestamptz, clock_timestamp()))
     on conflict on constraint fee_rules_one_at_a_time do nothing
     returning ${COLUMNS}`,
    [
      merchantId,
      rule.currency,
      rule.rateBasisPoints,
      rule.fixedMinor,
      rule.minimumMinor,
      rule.maximumMinor,
      rule.isReturned,
      rule.effectiveFrom,
    ],
  );
}

export function selectFeeRuleAt(
  on: Queryable,
  merchantId: number,
  { currency, effectiveFrom }: { currency: string; effectiveFrom: Date },
): Promise<FeeRuleRow | undefined> {
  return maybeOne<FeeRuleRow>(
    on,
    'money.fee_rule_at',
    `select ${COLUMNS} from fee_rules where merchant_id = $1 and currency = $2 and effective_from = $3`,
    [merchantId, currency, effectiveFrom],
  );
}

export async function isOver(on: Queryable, time: Date): Promise<boolean> {
  const { over } = await one<{ over: boolean }>(
    on,
    'money.is_over',
    'select $1::timestamptz < clock_timestamp() as over',
    [time],
  );
  return over;
}
