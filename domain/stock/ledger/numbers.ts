/**
 * Absolute numbers: what a count, a `setTo` or a row of a `set` feed says was on hand as of a time. On hand is always
 *
 *   the newest number of the stock row, by its own time, plus everything that takes effect after that time.
 *
 * A movement takes effect when it is written, a correction at its own time. `staged-queries.ts` decides the rows of a feed by the
 * same rules in SQL (docs/decisions/0033-absolute-numbers-carry-a-time.md).
 */

/** A stock row as an absolute number meets it. */
export interface NumberedStock {
  onHand: number;
  /** Units moved by everything that takes effect after the number's time. */
  movedAfter: number;
  /** The row has an absolute number as of a later time. */
  isOvertaken: boolean;
}

export type NumberDecision =
  | { outcome: 'superseded' }
  | {
      outcome: 'applied';
      /** Units to add or take: the number less what the ledger says was on hand as of its time. */
      delta: number;
    };

/** What an absolute number changes. One that is older than the newest changes nothing; of two as of the same time the later posted counts. */
export function decideNumber(
  { onHand, movedAfter, isOvertaken }: NumberedStock,
  number: number,
): NumberDecision {
  if (isOvertaken) return { outcome: 'superseded' };
  return { outcome: 'applied', delta: number - (onHand - movedAfter) };
}
