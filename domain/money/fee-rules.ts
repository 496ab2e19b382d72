import type { Database, Queryable } from '../../platform/database/database';
import { cutPage } from '../../platform/database/pages';
import { AppError } from '../../platform/errors';
import { recordChange } from '../audit/record';
import { knownMerchantId } from '../catalog/edit-merchants';
import { insertFeeRule, isOver, selectFeeRuleAt, selectFeeRules, type FeeRuleRow } from './fee-rule-queries';
import type { FeeRuleTerms, NewFeeRule } from './types';

/** A rule as clients see it. Times RFC 3339. */
export interface FeeRuleView extends FeeRuleTerms {
  id: number;
  effectiveFrom: string;
  createdAt: string;
}

/**
 * A page of the rules of a merchant, the newest first. `next` has the id to go on below; null at the end.
 *
 * @throws AppError `UNKNOWN_MERCHANT`
 */
export async function listFeeRules(
  on: Queryable,
  merchant: string,
  { before = null, limit, offset }: { before?: number | null; limit: number; offset: number },
): Promise<{ items: FeeRuleView[]; next: { id: number } | null }> {
  const merchantId = await knownMerchantId(on, merchant);
  const found = await selectFeeRules(on, { merchantId, before, limit, offset });
  const { shown, next } = cutPage(found, limit, ({ id }) => ({ id }));
  return { items: shown.map(viewOf), next };
}

/**
 * Adds a rule. Rules are never changed: what was charged stays as it was. Captures that were posted before it was written are not charged
 * by it.
 *
 * @param options.isRepeat an equal rule from the same time on is the one that an earlier try made
 * @throws AppError `UNKNOWN_MERCHANT`; `FEE_RULE_TOO_EARLY`: it would have held before; `DUPLICATE_NAME`: there is one from that time on
 */
export function createFeeRule(
  db: Database,
  merchant: string,
  rule: NewFeeRule,
  { isRepeat, actor }: { isRepeat: boolean; actor: string },
): Promise<FeeRuleView> {
  return db.retrying(async (tx) => {
    const merchantId = await knownMerchantId(tx, merchant);
    const { currency, effectiveFrom } = rule;
    const earlier =
      isRepeat && effectiveFrom
        ? await selectFeeRuleAt(tx, merchantId, { currency, effectiveFrom })
        : undefined;
    if (earlier && TERMS.every((name) => earlier[name] === rule[name])) return viewOf(earlier);
    if (effectiveFrom && (await isOver(tx, effectiveFrom)))
      throw new AppError(
        'FEE_RULE_TOO_EARLY',
        'effectiveFrom is over: a rule holds from now on, or from later.',
      );
    const made = await insertFeeRule(tx, merchantId, rule);
    if (!made)
      throw new AppError('DUPLICATE_NAME', `${merchant} has another rule of ${currency} from that time on.`);
    const view = viewOf(made);
    await recordChange(tx, {
      actor,
      action: 'merchant.fee_rule_added',
      subject: { type: 'merchant', id: merchant },
      after: { ...view },
    });
    return view;
  });
}

const TERMS = [
  'currency',
  'rateBasisPoints',
  'fixedMinor',
  'minimumMinor',
  'maximumMinor',
  'isReturned',
] as const satisfies readonly (keyof FeeRuleTerms)[];

function viewOf({ effectiveFrom, createdAt, ...row }: FeeRuleRow): FeeRuleView {
  return { ...row, effectiveFrom: effectiveFrom.toISOString(), createdAt: createdAt.toISOString() };
}
