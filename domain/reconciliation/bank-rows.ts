/* What statements of banks say in columns of their own. */

/** What a word says of the direction of an amount. */
const DIRECTIONS: Readonly<Record<string, 'debit' | 'credit'>> = {
  d: 'debit',
  dr: 'debit',
  dbit: 'debit',
  debit: 'debit',
  s: 'debit',
  soll: 'debit',
  c: 'credit',
  cr: 'credit',
  crdt: 'credit',
  credit: 'credit',
  h: 'credit',
  haben: 'credit',
};

/** Whether a word says that money came in (`credit`) or went out. Undefined: it says neither. */
export function directionOf(word: string): 'debit' | 'credit' | undefined {
  return DIRECTIONS[word.trim().toLowerCase()];
}

/** How balances and totals are called, which banks write among or below the transactions. */
const SUMMED =
  /^(?:(?:grand |sub-?)?totals?|sum|summe|gesamt|total (?:debits?|credits?|général)|balance|(?:opening|closing|starting|ending|start|end|current|available|ledger|book) balance|balance (?:brought|carried) forward|(?:anfangs|end|schluss|konto)?saldo|(?:alter|neuer) (?:konto)?saldo|solde(?: initial| final)?|saldo (?:inicial|final))\b[\s:.]*(?:[\d(].*|(?:on|as of|at|per|vom|zum|am) .*)?$/i;

/** Whether the text of a row says that it is a balance or a total, and no transaction. */
export function isSummed(text: string): boolean {
  return SUMMED.test(text.trim());
}
