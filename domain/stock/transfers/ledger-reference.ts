/** How the ledger names a transfer, in `reference`: all that a transfer did is found by it. */
export function ledgerReference(transferId: string): string {
  return `transfer:${transferId}`;
}
